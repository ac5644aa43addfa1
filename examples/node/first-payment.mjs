// A case system's first payment: record a decision, ask for a payment code, believe a webhook only when it is verified.
//
//   GATEWAY=http://127.0.0.1:41237 KEY=gwk_… node first-payment.mjs [AUTHORITY [DECISION_NUMBER]]
//
// Needs Node 20 or newer and no package. Run it twice with one decision number: the code stays the same.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const { GATEWAY, KEY } = process.env;
const [authority = "wangchuan-scjg", number = "NODE-2026-1"] = process.argv.slice(2);
const AGAIN = new Set([429, 500, 502, 503, 504]);

/** One request. It is repeated with the same key when no answer came, and after as long as the gateway says. */
async function ask(method, path, { body, key } = {}) {
  const headers = { Authorization: `Bearer ${KEY}`, "X-Request-Id": `${number}-${method}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key !== undefined) headers["Idempotency-Key"] = key;
  for (let tries = 1; ; tries++) {
    const options = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(30_000) };
    const answer = await fetch(GATEWAY + path, options).catch((error) => ({ status: 0, error }));
    if ((answer.status === 0 || AGAIN.has(answer.status)) && tries < 6) {
      await sleep(1000 * Number(answer.headers?.get("retry-after") ?? 2 ** tries / 10));
      continue;
    }
    if (answer.status === 0) throw answer.error;
    const shown = answer.status === 204 ? null : await answer.json();
    if (!answer.ok) throw new Error(`${shown.type}: ${shown.detail} (request ${shown.request})`);
    return shown;
  }
}

/** Whether a message is the gateway's, and fresh (Standard Webhooks). `body`: its exact bytes. */
export function isAuthentic(secret, headers, body) {
  const stamp = headers["webhook-timestamp"] ?? "";
  if (!/^\d{1,12}$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${stamp}.`), body]);
  const right = Buffer.from("v1," + createHmac("sha256", key).update(signed).digest("base64"));
  const given = (headers["webhook-signature"] ?? "").split(" ").map((one) => Buffer.from(one));
  return given.some((one) => one.length === right.length && timingSafeEqual(one, right));
}

let secret;
let heard;
const issued = new Promise((resolve) => (heard = resolve));
const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  const authentic = secret !== undefined && isAuthentic(secret, request.headers, body);
  response.writeHead(authentic ? 204 : 401).end(); // answer first, work afterwards
  if (authentic) heard(JSON.parse(body));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));

try {
  const url = `http://127.0.0.1:${server.address().port}/webhooks`;
  const endpoint = await ask("POST", "/v1/webhook-endpoints", {
    key: `hooks-${server.address().port}`,
    body: { authority, url, types: ["payment.issued"] },
  });
  secret = endpoint.secret;
  await ask("PUT", `/v1/decisions/${authority}/${encodeURIComponent(number)}`, {
    body: {
      procedure: "simple",
      party: { kind: "organisation", name: "恒筑建设有限公司", uscc: "91990102MA0HD1233R" },
      violation: "占道堆放",
      facts: "在人行道堆放建材。",
      basis: "《中华人民共和国行政处罚法》第五十一条",
      penalty_kinds: ["罚款"],
      content: "罚款200.00元。",
      fine: "200.00",
      decided_on: "2026-11-20",
    },
  });
  const wanted = { key: number, body: { authority, decision_number: number } };
  const payment = await ask("POST", "/v1/payments", wanted);
  const again = await ask("POST", "/v1/payments", wanted);
  if (again.id !== payment.id) throw new Error("two payments for one key");
  const message = await Promise.race([issued, sleep(30_000, null, { ref: false })]);
  if (message === null) throw new Error("no webhook came within 30 seconds");
  const { code, status } = await ask("GET", `/v1/payments/${payment.id}`);
  console.log(JSON.stringify({ payment: payment.id, status, code, told: message.type, of: message.data.subject }));
  await ask("DELETE", `/v1/webhook-endpoints/${endpoint.id}`);
} finally {
  server.close();
}
