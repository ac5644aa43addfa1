#!/bin/sh
# Makes the place of the trial that compose.yaml describes, once: settings, schema, an authority, a case system's key.
set -eu
umask 077
python -I - <<'PYTHON' # where the simulated platform's callbacks go; it has no memory over a restart
import json, time, urllib.request
said = json.dumps({"system": "nontax", "url": "http://gateway:8083/callbacks/nontax"}).encode()
for again in range(60):
    try:
        urllib.request.urlopen("http://simulators:9000/_sim/callbacks", said, timeout=5)
        break
    except OSError:
        time.sleep(1)
else:
    raise SystemExit("the simulators do not answer")
PYTHON
[ ! -e trial-made ] || exit 0
gateway init . --public-url http://127.0.0.1:8082 --database env:DATABASE_URL >/dev/null
printf anlan-nontax-development-secret >secrets/nontax
printf development-registry-secret >secrets/registry
cat >>gateway.toml <<'TOML'

[channels.nontax]
adapter = "nontax.soap"
url = "http://simulators:9001/nontax"
secret = "file:secrets/nontax"
node_code = "K9901000001"
platform_node = "F990100"
settle_seconds = 5

[channels.registry]
adapter = "registry.sharing"
url = "http://simulators:9002/registry"
secret = "file:secrets/registry"
node = "RK990102"

[[routes]]
authority = "*"
capability = "payments"
channels = ["nontax"]

[[routes]]
authority = "*"
capability = "entities"
channels = ["registry"]
TOML
gateway migrate
gateway authorities create wangchuan-scjg 望川区市场监督管理局 11990102003003012Y --unit-code 990102002
gateway authorities unit wangchuan-scjg --region 990102 --item fine=103050199:其他一般罚没收入
gateway keys client 案件系统 --authority wangchuan-scjg
gateway keys issue 案件系统 --label 试用
touch trial-made
