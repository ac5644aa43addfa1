// Lints an OpenAPI description by Redocly's recommended rules: node lint.mjs FILE. Ends with 1 where there is an error.

import { createConfig, lintFromString } from "@redocly/openapi-core";
import { readFileSync } from "node:fs";

const config = await createConfig({ extends: ["recommended"] });
const source = readFileSync(process.argv[2], "utf8");
const found = await lintFromString({ source, absoluteRef: "/openapi.json", config });
for (const one of found) console.error(one.severity, one.ruleId, one.message, one.location?.[0]?.pointer);
process.exit(found.some((one) => one.severity === "error") ? 1 : 0);
