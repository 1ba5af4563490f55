// A browser, what is done with it, and what must hold of every page. Where things are is said by the environment: BASE (the service), DATA (its
// data folder, for the mails), MODULES (a folder with node_modules), SHOTS (where screenshots go), CHROMIUM.
import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import assert from "node:assert/strict";

const { BASE, DATA, MODULES, SHOTS, CHROMIUM } = process.env;
const require = createRequire(join(MODULES, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const PHONE = { width: 360, height: 740 };
export const DESK = { width: 1280, height: 900 };

mkdirSync(SHOTS, { recursive: true });
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/// A fresh browser, which must ask nobody but the service and hear no complaint.
export async function open(options) {
  const context = await browser.newContext({ baseURL: BASE, locale: "en-GB", acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (message) => { if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) page.complaints.push(message.text()); });
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && origin !== new URL(BASE).origin) page.complaints.push(`asked ${request.url()}`);
  });
  return page;
}

export async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

/// The code that was mailed to an address. The mail goes, so that the next one is the newest.
export async function code(address) {
  for (let tries = 0; tries < 100; tries++) {
    const folder = join(DATA, "outbox");
    for (const name of readdirSync(folder).sort().reverse()) {
      const mail = readFileSync(join(folder, name), "utf8");
      const found = /The code is: (\d{8})/.exec(mail);
      if (found && mail.includes(`To: ${address}\r\n`)) { rmSync(join(folder, name)); return found[1]; }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no mail for ${address}`);
}

export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
export const shot = (page, name) => page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
export const heading = async (page, text) => assert.equal(await page.locator("h1").textContent(), text);

/// Moves with Tab alone to what has this name, and sees on the way that the focus can be seen.
export async function tabTo(page, role, name) {
  for (let steps = 0; steps < 80; steps++) {
    await page.keyboard.press("Tab");
    const here = await page.evaluate(() => {
      const at = document.activeElement;
      const style = getComputedStyle(at);
      const label = at.labels?.[0]?.textContent ?? at.textContent;
      return { tag: at.tagName.toLowerCase(), label: label.trim(), seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
    });
    if (here.tag !== "body") assert.ok(here.seen, `the focus cannot be seen on ${here.tag} ${here.label}`);
    if (here.tag === role && here.label === name) return;
  }
  throw new Error(`Tab does not lead to ${role} ${name}`);
}

export const enter = (page) => Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);

/// What axe finds against WCAG 2.2 AA.
export async function barriers(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const found = violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join("; ")}`);
  assert.deepEqual(found, []);
  const [inner, scroll] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  assert.ok(scroll <= inner, `${where} is ${scroll} wide in a window of ${inner}`);
}

/// The two buttons of every decision differ in nothing but what they say.
export async function equal(page) {
  const pairs = await page.evaluate(() => [...document.querySelectorAll(".equal")].map((pair) => [...pair.querySelectorAll("button")].map((button) => {
    const { width, height, top } = button.getBoundingClientRect();
    const { color, backgroundColor, borderColor, fontSize, fontWeight } = getComputedStyle(button);
    return { width: Math.round(width), height: Math.round(height), top: Math.round(top), color, backgroundColor, borderColor, fontSize, fontWeight };
  })));
  assert.ok(pairs.length > 0);
  for (const [allow, refuse] of pairs) assert.deepEqual(allow, refuse);
  assert.ok(pairs[0][0].height >= 44);
}

/// The ways to being seen and to hiding look alike.
export async function alike(page) {
  const ways = await page.evaluate(() => [...document.querySelectorAll("#visibility + ul :is(button, a.button)")].map((way) => {
    const { color, backgroundColor, borderColor, fontSize, fontWeight } = getComputedStyle(way);
    return { height: Math.round(way.getBoundingClientRect().height), color, backgroundColor, borderColor, fontSize, fontWeight };
  }));
  assert.equal(ways.length, 4);
  for (const way of ways) assert.deepEqual(way, ways[0]);
}

/// Drawn for a language that is written from right to left, nothing sticks out, and what begins a line stands on its right.
export async function mirrored(page, where) {
  await page.evaluate(() => { document.documentElement.dir = "rtl"; });
  const found = await page.evaluate(() => {
    const wide = document.documentElement.scrollWidth;
    const fits = (box) => box.width === 0 || (box.left >= -1 && box.right <= innerWidth + 1);
    const scrolls = (at) => at.closest(".scroll, pre, .hidden, .skip, svg");
    const out = [...document.querySelectorAll("body *")].filter((at) => !scrolls(at) && !fits(at.getBoundingClientRect()));
    const heading = document.querySelector("h1");
    const begins = getComputedStyle(heading).direction;
    return { wide, inner: innerWidth, begins, out: out.map((at) => at.outerHTML.slice(0, 120)) };
  });
  assert.deepEqual(found.out, [], where);
  assert.ok(found.wide <= found.inner, `${where} is ${found.wide} wide from right to left`);
  assert.equal(found.begins, "rtl");
}
