// How long a browser waits for the first byte of pages, each beside a static page of the same size, asked in turn. Reads
// [{ page, cookie, plain }, ..] and prints [[milliseconds, milliseconds], ..], the medians. What is measured is what Navigation Timing calls
// responseStart, from the moment at which the navigation began (https://www.w3.org/TR/navigation-timing-2/).
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { open } from "./page.mjs";

const ROUNDS = 21;

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];

async function first(page, address) {
  const answer = await page.goto(address, { waitUntil: "load" });
  assert.deepEqual([answer.status(), page.url()], [200, address]); // and no log-in in its place
  return page.evaluate(() => performance.getEntriesByType("navigation")[0].responseStart);
}

const medians = [];
for (const { page: address, cookie, plain } of JSON.parse(readFileSync(0, "utf8"))) {
  const page = await open({ extraHTTPHeaders: { cookie } });
  const times = [[], []];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const which of [round % 2, (round + 1) % 2]) {
      const time = await first(page, [address, plain][which]);
      if (round > 0) times[which].push(time); // the first one opens the connections
    }
  }
  await page.context().close();
  medians.push(times.map(median));
}
console.log(JSON.stringify(medians));
process.exit(0);
