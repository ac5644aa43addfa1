/* What is only at hand, never the only way: copying an id or a code, and keys for who reads lists all day. */
(function () {
  var body = document.body, said = document.createElement('p');
  said.className = 'unseen'; said.setAttribute('role', 'status');
  body.appendChild(said);

  function copied(text, done) {
    function old() {
      var field = document.createElement('textarea');
      field.value = text; field.className = 'unseen'; body.appendChild(field); field.select();
      if (document.execCommand('copy')) done();
      body.removeChild(field);
    }
    if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(done, old); else old();
  }

  document.querySelectorAll('.facts dd .code, .lead .code').forEach(function (code) {
    var text = code.textContent, button = document.createElement('button'), beside = code.closest('a') || code;
    if (text.length < 12 || /[*…]/.test(text)) return; // what is short is typed, what is masked is of no use
    button.type = 'button'; button.className = 'copy'; button.title = body.dataset.copy;
    button.setAttribute('aria-label', body.dataset.copy + ' ' + text);
    button.addEventListener('click', function () {
      copied(text, function () {
        button.classList.add('done'); said.textContent = body.dataset.copied + ' ' + text; button.focus();
        setTimeout(function () { button.classList.remove('done'); said.textContent = ''; }, 2000);
      });
    });
    beside.after(' ', button);
  });

  if (body.dataset.keys !== 'on') return;

  function step(by) {
    var rows = [].slice.call(document.querySelectorAll('main tbody td:first-child a'));
    var next = rows[rows.indexOf(document.activeElement) + by] || (by > 0 ? rows[rows.length - 1] : rows[0]);
    if (next) next.focus();
  }
  function follow(where) { var link = document.querySelector(where); if (link) link.click(); }
  var keys = {
    '/': function () { var field = document.querySelector('main .filter input'); if (!field) return; var folded = field.closest('details'); if (folded) folded.open = true; field.focus(); },
    'j': function () { step(1); },
    'k': function () { step(-1); },
    '[': function () { follow('a[rel=prev]'); },
    ']': function () { follow('a[rel=next]'); },
    '?': function () { follow('.who a[data-own]'); }
  };
  addEventListener('keydown', function (event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches('input, select, textarea') || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
})();
