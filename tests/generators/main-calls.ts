// The main calls by a client that was generated from /openapi.json: typed by openapi-typescript, sent by openapi-fetch.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const { GATEWAY, KEY } = process.env;
const gateway = createClient<paths>({ baseUrl: GATEWAY!, headers: { Authorization: `Bearer ${KEY}` } });
const authority = "wangchuan-scjg";
const number = "TS-2026-1";

const facts: components["schemas"]["DecisionFacts"] = {
  procedure: "simple",
  party: { kind: "organisation", name: "恒筑建设有限公司", uscc: "91990102MA0HD1233R" },
  violation: "占道堆放",
  facts: "在人行道堆放建材。",
  basis: "《中华人民共和国行政处罚法》第五十一条",
  penalty_kinds: ["罚款"],
  content: "罚款200.00元。",
  fine: "200.00",
  decided_on: "2026-11-20",
};
const decided = await gateway.PUT("/v1/decisions/{authority}/{number}", {
  params: { path: { authority, number } },
  body: facts,
});
if (!decided.data) throw new Error(decided.error.detail);

const demand = { authority, decision_number: number };
const asked = { header: { "Idempotency-Key": number } };
const asks = (dry_run: boolean) =>
  gateway.POST("/v1/payments", { params: { ...asked, query: { dry_run } }, body: demand });
const tried = await asks(true);
if (!tried.data || !("would_send" in tried.data)) throw new Error("no dry run");

const made = await asks(false);
if (!made.data || !("payer_page" in made.data)) throw new Error("no payment");
const payment = made.data;

const again = await gateway.POST("/v1/payments", {
  params: { header: { "Idempotency-Key": "another" } },
  body: demand,
});
const one = await gateway.GET("/v1/payments/{payment_id}", { params: { path: { payment_id: payment.id } } });
const list = await gateway.GET("/v1/payments", { params: { query: { decision_number: number, limit: 1 } } });
const events = await gateway.GET("/v1/events", { params: { query: { subject: payment.id } } });

console.log(
  JSON.stringify({
    would_send: tried.data.would_send.map((call) => call.action),
    code: payment.code,
    status: one.data?.status,
    refused: again.error?.type,
    listed: list.data?.items.map((found) => found.id).includes(payment.id),
    events: events.data?.items.map((event) => event.type),
  }),
);
