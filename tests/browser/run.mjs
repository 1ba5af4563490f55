// Drives Debian's Chromium through the pages of a running service: `node run.mjs STORY`. Where things are is said by the environment:
// BASE (the service), DATA (its data folder, for the mails), MODULES (a folder with node_modules), SHOTS (where screenshots go), CHROMIUM,
// PUBLIC (the path of a public page).
import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import assert from "node:assert/strict";

const { BASE, DATA, MODULES, SHOTS, CHROMIUM, AUDITOR, OPERATOR, PUBLIC } = process.env;
const require = createRequire(join(MODULES, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const PHONE = { width: 360, height: 740 };
const DESK = { width: 1280, height: 900 };
const PASSWORD = "a long sentence";
const OPEN = ["/", "/opt-out", "/requests", "/stored", "/register", "/log-in", "/log-in/code", "/nothing-here", PUBLIC];
const OWN = ["/me/consents", "/me/consents/attention_score", "/me/consents/public_profile", "/me/consents/public_page", "/me/consents/public_name", "/me/history", "/me/score", "/me/asked", "/me/data", "/me/data/delete", "/me/identifiers"];
const OPERATE = ["/operate", "/operate/callers", "/operate/notices", "/operate/notices/public_profile", "/operate/rules", "/operate/rules/house.cedar", "/operate/contests", "/operate/deliveries"];
const ALLOW = "Allow ActivityPub servers (Mastodon, Pixelfed, PeerTube), for myself alone";
const REFUSE = "Do not allow ActivityPub servers (Mastodon, Pixelfed, PeerTube), for myself alone";

mkdirSync(SHOTS, { recursive: true });
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/// A fresh browser, which must ask nobody but the service and hear no complaint.
async function open(options) {
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

async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

/// The code that was mailed to an address. The mail goes, so that the next one is the newest.
async function code(address) {
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

const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const shot = (page, name) => page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
const heading = async (page, text) => assert.equal(await page.locator("h1").textContent(), text);

async function register(page, address) {
  await page.goto("/register");
  await page.getByLabel("Your e-mail address").fill(address);
  await page.getByLabel("Yes", { exact: true }).check();
  await press(page, "Mail me a code");
  await page.getByLabel("Code from the mail").fill(await code(address));
  await page.getByLabel("New password, if you want one").fill(PASSWORD);
  await press(page, "Go on");
  await heading(page, "My consents");
}

async function logIn(page, address) {
  await page.goto("/log-in");
  await page.getByLabel("Your e-mail address").fill(address);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(page, "Log in");
  await heading(page, "My consents");
}

/// Somebody new does everything there is to do, and leaves.
async function jobs(name, options) {
  const page = await open(options);
  const address = `${name}@example.org`;
  await page.goto("/");
  await heading(page, "Nobody is scored without their own yes");
  await register(page, address);

  await page.goto("/me/consents/attention_score");
  await shot(page, `${name}-notice`);
  const old = await page.context().newPage();
  await old.goto("/me/consents/attention_score");
  await page.bringToFront();
  await press(page, ALLOW);
  await page.getByText("Your yes is recorded").waitFor();
  assert.match(await page.locator("main").textContent(), /Allowed since/);
  await shot(page, `${name}-allowed`);
  await page.goto("/me/score");
  await page.getByText("There is too little data for a number").waitFor();
  await page.goto("/me/consents/attention_score");
  await press(page, REFUSE);
  await page.getByText("Your no is recorded").waitFor();
  // Back to the page of before: it is read anew. In a tab that was not, the old button allows nothing.
  await page.goBack();
  await page.getByText("Not allowed. Taken back").waitFor();
  await old.bringToFront();
  await press(old, ALLOW);
  await old.getByText("nothing was allowed").first().waitFor();
  await old.close();
  await page.bringToFront();
  await page.goto("/me/consents");
  await page.getByText("You allow nothing").waitFor();
  await press(page, "Pause everything");
  await page.getByText("Everything about you is paused.", { exact: true }).waitFor();
  await press(page, "Lift the pause");
  await page.goto("/me/history");
  await shot(page, `${name}-history`);
  await page.getByRole("link", { name: /^Receipt/ }).first().click();
  await heading(page, "Your receipt");
  await shot(page, `${name}-receipt`);
  await press(page, "Mail it to me");
  await page.getByText("The mail is on its way").waitFor();

  await page.goto("/me/data");
  const [download] = await Promise.all([page.waitForEvent("download"), press(page, "Download everything")]);
  assert.equal(download.suggestedFilename(), "sayso.zip");
  const bytes = readFileSync(await download.path());
  assert.equal(bytes.readUInt32LE(0), 0x04034b50);
  assert.ok(bytes.includes(address));

  await page.goto("/me/data/delete");
  await shot(page, `${name}-delete`);
  await press(page, "Delete everything now");
  await heading(page, "Your deletion has begun");
  await shot(page, `${name}-deletion`);
  await page.getByRole("link", { name: "See how it goes" }).click();
  await page.getByText("Done, checked and certified").waitFor({ timeout: 20_000 });
  await shot(page, `${name}-certificate`);
  await page.goto("/me/data");
  await heading(page, "Log in");

  await page.goto("/opt-out");
  await page.getByLabel("E-mail address or account").fill(address);
  await press(page, "Opt out for myself");
  await heading(page, "The opt-out is recorded");
  await shot(page, `${name}-opted-out`);
  await page.goto("/requests");
  await page.getByLabel("Your e-mail address").fill(address);
  await press(page, "How did an earlier deletion go?");
  await page.getByLabel("Code from the mail").fill(await code(address));
  await press(page, "Show the deletions");
  await page.getByText("Done, checked and certified").waitFor();
  await page.goto("/requests");
  await page.getByLabel("Your e-mail address").fill(`stranger-${address}`);
  await press(page, "What do you hold about me?");
  await page.getByLabel("Code from the mail").fill(await code(`stranger-${address}`));
  await press(page, "Show what is held");
  await heading(page, "Nothing is held about you");
  await close(page);
}

/// Moves with Tab alone to what has this name, and sees on the way that the focus can be seen.
async function tabTo(page, role, name) {
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

const enter = (page) => Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);

async function keyboard() {
  const page = await open({ viewport: DESK, javaScriptEnabled: false });
  await page.goto("/");
  await tabTo(page, "a", "Skip to the content");
  await tabTo(page, "a", "Register");
  await enter(page);
  await tabTo(page, "input", "Your e-mail address");
  await page.keyboard.type("keys@example.org");
  await tabTo(page, "input", "Yes");
  await page.keyboard.press("Space");
  await tabTo(page, "button", "Mail me a code");
  await enter(page);
  await tabTo(page, "input", "Code from the mail");
  await page.keyboard.type(await code("keys@example.org"));
  await enter(page);
  await page.waitForURL("**/me/consents");
  await page.goto("/me/consents/attention_score");
  await tabTo(page, "button", ALLOW);
  await page.keyboard.press("Escape");
  await page.goto("/me/consents");
  await page.getByText("You allow nothing").waitFor();
  await page.goto("/me/consents/attention_score");
  await tabTo(page, "button", ALLOW);
  await enter(page);
  await page.getByText("Your yes is recorded").waitFor();
  await tabTo(page, "button", REFUSE);
  await enter(page);
  await page.getByText("Your no is recorded").waitFor();
  await page.goto("/me/data");
  await tabTo(page, "a", "Delete everything");
  await enter(page);
  await tabTo(page, "button", "Delete everything now");
  await enter(page);
  await heading(page, "Your deletion has begun");
  await close(page);
}

/// What axe finds against WCAG 2.2 AA.
async function barriers(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const found = violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join("; ")}`);
  assert.deepEqual(found, []);
  const [inner, scroll] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  assert.ok(scroll <= inner, `${where} is ${scroll} wide in a window of ${inner}`);
}

/// The two buttons of every decision differ in nothing but what they say.
async function equal(page) {
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
async function alike(page) {
  const ways = await page.evaluate(() => [...document.querySelectorAll("#visibility + ul :is(button, a.button)")].map((way) => {
    const { color, backgroundColor, borderColor, fontSize, fontWeight } = getComputedStyle(way);
    return { height: Math.round(way.getBoundingClientRect().height), color, backgroundColor, borderColor, fontSize, fontWeight };
  }));
  assert.equal(ways.length, 4);
  for (const way of ways) assert.deepEqual(way, ways[0]);
}

/// Every page in light and dark, narrow and wide, English and German: no barrier, no overflow, a screenshot of each.
async function everyPage() {
  for (const [width, viewport] of [["phone", PHONE], ["desk", DESK]]) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open({ viewport, colorScheme, reducedMotion: "reduce" });
      await visit(page, OPEN, `${width}-${colorScheme}`);
      await logIn(page, "scored@example.org");
      await visit(page, OWN, `${width}-${colorScheme}`);
      await page.goto("/opt-out");
      await press(page, "Opt out for myself");
      await barriers(page, "a wrong form");
      await shot(page, `${width}-${colorScheme}-wrong-form`);
      await page.context().close();
    }
    const page = await open({ viewport, locale: "de-DE" });
    await page.goto("/log-in");
    await page.getByLabel("Ihre E-Mail-Adresse").fill("scored@example.org");
    await page.getByLabel("Passwort", { exact: true }).fill(PASSWORD);
    await press(page, "Anmelden");
    await visit(page, [...OPEN, ...OWN], `${width}-german`);
    await close(page);
  }
}

/// Drawn for a language that is written from right to left, nothing sticks out, and what begins a line stands on its right.
async function mirrored(page, where) {
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

async function everyPageMirrored() {
  const page = await open({ viewport: PHONE });
  await logIn(page, "scored@example.org");
  for (const path of [...OPEN, ...OWN]) {
    await page.goto(path);
    await mirrored(page, path);
    await shot(page, `phone-mirrored${path.replaceAll("/", "-")}`);
  }
  await staffIn(page, "operator", OPERATOR);
  for (const path of OPERATE) {
    await page.goto(path);
    await mirrored(page, path);
    await shot(page, `phone-mirrored${path.replaceAll("/", "-")}`);
  }
  await page.goto("/opt-out");
  await press(page, "Opt out for myself");
  await mirrored(page, "a wrong form");
  await shot(page, "phone-mirrored-wrong-form");
  await close(page);
}

async function staffIn(page, client, secret) {
  await page.goto("/staff");
  await page.getByLabel("Name").fill(client);
  await page.getByLabel("Secret").fill(secret);
  await press(page, "Log in");
}

/// An auditor searches, verifies and looks; an operator sees what goes on.
async function staff() {
  for (const [name, options] of [["phone", { viewport: PHONE }], ["desk", { viewport: DESK, colorScheme: "dark" }]]) {
    const page = await open(options);
    await staffIn(page, "an-auditor", AUDITOR);
    await heading(page, "The log");
    await page.getByLabel("What was done").selectOption("granted");
    await press(page, "Search");
    assert.ok((await page.locator("tbody tr").count()) >= 8);
    const table = await page.getByRole("link", { name: "Save all of it as a table (CSV)" }).getAttribute("href");
    assert.match(await page.evaluate((path) => fetch(path).then((answer) => answer.text()), table), /^seq,kind,day/);
    await page.goto("/audit/checkpoint");
    const checkpoint = await page.locator("pre").textContent();
    await page.getByLabel("Older checkpoint").fill(checkpoint);
    await press(page, "Verify");
    await page.getByText("begins with exactly the").waitFor();
    await shot(page, `${name}-audit-verified`);
    await page.goto("/audit/look");
    await page.getByLabel("E-mail address or account").fill("scored@example.org");
    await page.getByLabel("Why").fill("a complaint");
    await press(page, "Look at one person");
    await page.getByText("Your look is recorded").waitFor();
    await shot(page, `${name}-audit-looked`);
    await barriers(page, "a look");
    await visit(page, ["/staff", "/audit", "/audit/checkpoint", "/audit/look"], name);
    await staffIn(page, "operator", OPERATOR);
    await heading(page, "Overview");
    await visit(page, OPERATE, name);
    await page.goto("/operate/rules/house.cedar");
    await press(page, "Show what would change");
    await heading(page, "What would change");
    await close(page);
  }
}

async function visit(page, paths, name) {
  for (const path of paths) {
    await page.goto(path);
    await barriers(page, `${name} ${path}`);
    if (path === "/me/consents/attention_score") await equal(page);
    if (path === "/me/score") await alike(page);
    await shot(page, `${name}${path.replace(PUBLIC, "/public").replaceAll("/", "-")}`);
  }
}

const stories = {
  "jobs-without-script": () => jobs("phone", { viewport: PHONE, javaScriptEnabled: false }),
  "jobs-with-script": () => jobs("desk", { viewport: DESK }),
  keyboard,
  "every-page": everyPage,
  mirrored: everyPageMirrored,
  staff,
};
const story = stories[process.argv[2]];
assert.ok(story, `there is no story ${process.argv[2]}`);
// A browser that hangs is no reason to wait for ever.
setTimeout(() => { console.error("it took too long"); process.exit(1); }, 240_000);
try {
  await story();
  console.log("well");
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
