(function () {
  var body = document.body, pause = +body.dataset.poll, looks = 0;
  addEventListener('pageshow', function (event) { if (event.persisted) location.reload(); });
  if (!pause || !window.fetch) return;
  function later() { if (looks++ < 400) setTimeout(look, pause * 1000); }
  function look() {
    if (document.hidden) { looks--; return later(); }
    fetch(location.href, { cache: 'no-store' }).then(function (answer) { return answer.text(); }).then(function (page) {
      var found = /data-state="(\w+)"/.exec(page);
      if (found && found[1] !== body.dataset.state) location.reload(); else later();
    }).catch(later);
  }
  later();
})();
