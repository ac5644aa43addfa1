// The simulators in a Node test, without a container: one process, which ends with this one.
//
//   node --test-reporter=spec simulators.mjs
//
// Needs Node 20 or newer and the command `simulators` (pip install enforcement-simulators), or SIMULATORS="python -m simulators".

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { once } from "node:events";
import assert from "node:assert/strict";

/** Start them; `ready` is their first line: addresses and credentials. */
export async function start(...options) {
  const [command, ...words] = (process.env.SIMULATORS ?? "simulators").split(" ");
  const child = spawn(command, [...words, "serve", "--until-stdin-closes", ...options], { stdio: ["pipe", "pipe", "inherit"] });
  const first = await Promise.race([
    once(createInterface({ input: child.stdout }), "line").then(([line]) => line),
    once(child, "exit").then(() => Promise.reject(new Error("the simulators did not start"))),
  ]);
  const ready = JSON.parse(first);
  return { ready, stop: () => (child.stdin.end(), once(child, "exit")), world: (name) => world(ready, name) };
}

/** A world of its own for one test: its ready line, a function that asks its control API, and one that ends it. */
async function world(ready, name) {
  const ask = (control) => async (method, path, body) => {
    const answer = await fetch(control + path, { method, body: body && JSON.stringify(body) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    return told;
  };
  const mine = await ask(ready.control)("POST", "/worlds", { name });
  return { ...mine, ask: ask(mine.control), end: () => ask(ready.control)("DELETE", `/worlds/${name}`) };
}

if (process.argv[1] === import.meta.filename) {
  const simulators = await start("--only", "nontax,credit");
  const mine = await simulators.world("mine");
  await mine.ask("POST", "/clock", { now: "2026-10-09T09:00:00+08:00" });
  await mine.ask("POST", "/faults", { system: "nontax", kind: "busy" });
  const page = await fetch(mine.systems.nontax.url + "/bills");
  assert.equal(page.status, 200);
  assert.equal((await mine.ask("GET", "/faults")).faults[0].kind, "busy");
  await mine.end();
  const [status] = await simulators.stop();
  console.log(`simulators ended with ${status}`);
}
