// Drives Debian's Chromium through the pages of a running service: `node run.mjs STORY`. AUDITOR and OPERATOR are the secrets of two callers,
// PUBLIC is the path of a public page; the rest of the environment is in page.mjs.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { DESK, PHONE, alike, barriers, close, code, enter, equal, heading, mirrored, open, press, shot, tabTo } from "./page.mjs";

const { AUDITOR, OPERATOR, PUBLIC } = process.env;
const PASSWORD = "a long sentence";
const OPEN = ["/", "/opt-out", "/requests", "/verify", "/stored", "/register", "/log-in", "/log-in/code", "/notices/attention_score/1", "/nothing-here", PUBLIC];
const OWN = ["/me/consents", "/me/consents/attention_score", "/me/consents/public_profile", "/me/consents/public_page", "/me/consents/public_name", "/me/history", "/me/score", "/me/asked", "/me/data", "/me/data/delete", "/me/identifiers"];
const OPERATE = ["/operate", "/operate/callers", "/operate/notices", "/operate/notices/public_profile", "/operate/rules", "/operate/rules/house.cedar", "/operate/contests", "/operate/deliveries"];
const AUDIT = ["/staff", "/audit", "/audit/past", "/audit/past?at=9", "/audit/checkpoint", "/audit/look"];
const ALLOW = "Allow ActivityPub servers (Mastodon, Pixelfed, PeerTube), for myself alone";
const REFUSE = "Do not allow ActivityPub servers (Mastodon, Pixelfed, PeerTube), for myself alone";

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
  // What is looked at with scripts of our own needs them to run.
  const look = (where) => options.javaScriptEnabled === false ? undefined : barriers(page, `${name} ${where}`);
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
  await look("allowed");
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
  await look("history");
  await page.getByRole("link", { name: /^Receipt/ }).first().click();
  await heading(page, "Your receipt");
  await shot(page, `${name}-receipt`);
  await look("receipt");
  await press(page, "Mail it to me");
  await page.getByText("The mail is on its way").waitFor();

  await page.goto("/me/data");
  const scripted = options.javaScriptEnabled !== false;
  if (scripted) {
    await page.route("**/me/data/export", (route) => route.abort());
    await press(page, "Download everything");
    await page.getByText("The file did not arrive whole").waitFor();
    page.complaints.splice(0, page.complaints.length, ...page.complaints.filter((one) => !one.includes("net::ERR_FAILED")));
    await page.unroute("**/me/data/export");
    // Pressed once more, the form goes as it would without the script; and so it does where what comes is no file.
    await page.route("**/me/data/export", (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<h1>Log in</h1>" }));
    for (const _ of ["pressed once more", "a fresh page"]) {
      await press(page, "Download everything");
      await page.getByRole("heading", { name: "Log in" }).waitFor();
      await page.goto("/me/data");
    }
    // A file that is cut is not given out as whole.
    await page.unroute("**/me/data/export");
    await page.evaluate(() => {
      const whole = window.fetch;
      window.fetch = async (...asked) => {
        const answer = await whole(...asked);
        const bytes = new Uint8Array(await answer.arrayBuffer());
        return new Response(bytes.slice(0, -1), { headers: { "content-type": "application/zip", "content-length": String(bytes.length) } });
      };
    });
    await press(page, "Download everything");
    await page.getByText("The file did not arrive whole").waitFor();
    await page.goto("/me/data");
  }
  const [download] = await Promise.all([page.waitForEvent("download"), press(page, "Download everything")]);
  assert.equal(download.suggestedFilename(), "sayso.zip");
  const bytes = readFileSync(await download.path());
  assert.equal(bytes.readUInt32LE(0), 0x04034b50);
  assert.ok(bytes.includes(address));
  if (scripted) {
    await page.getByText("was given to your browser as sayso.zip").waitFor();
    await shot(page, `${name}-exported`);
    await look("exported");
  }

  await page.goto("/me/data/delete");
  await shot(page, `${name}-delete`);
  await press(page, "Delete everything now");
  await heading(page, "Your deletion has begun");
  await shot(page, `${name}-deletion`);
  await look("deletion begun");
  await page.getByRole("link", { name: "See how it goes" }).click();
  await page.getByText("Done, checked and certified").waitFor({ timeout: 20_000 });
  await shot(page, `${name}-certificate`);
  await look("certificate");
  const certificate = await page.locator("details pre").textContent();
  await page.goto("/verify");
  await page.getByLabel("Receipt or certificate").fill(certificate);
  await press(page, "Verify");
  await page.getByText("The certificate holds.").waitFor();
  await shot(page, `${name}-certificate-holds`);
  await look("a certificate that holds");
  await page.getByLabel("Receipt or certificate").fill(certificate.replace(/^index (\d)/m, "index 1$1"));
  await press(page, "Verify");
  await page.getByText("This does not hold").first().waitFor();
  await shot(page, `${name}-certificate-does-not-hold`);
  await look("a certificate that does not hold");
  await page.goto("/me/data");
  await heading(page, "Log in");

  await page.goto("/opt-out");
  await page.getByLabel("E-mail address or account").fill(address);
  await press(page, "Opt out for myself");
  await heading(page, "The opt-out is recorded");
  await shot(page, `${name}-opted-out`);
  await look("opted out");
  await page.goto("/opt-out");
  await page.getByLabel("E-mail address or account").fill(`child-${address}`);
  await press(page, "Opt out for a child");
  await heading(page, "The opt-out is recorded");
  await page.goto("/requests");
  await page.getByLabel("Your e-mail address").fill(address);
  await press(page, "How did an earlier deletion go?");
  await look("a code");
  await page.getByLabel("Code from the mail").fill(await code(address));
  await press(page, "Show the deletions");
  await page.getByText("Done, checked and certified").waitFor();
  await page.goto("/requests");
  await page.getByLabel("Your e-mail address").fill(`stranger-${address}`);
  await press(page, "What do you hold about me?");
  await page.getByLabel("Code from the mail").fill(await code(`stranger-${address}`));
  await press(page, "Show what is held");
  await heading(page, "Nothing is held about you");
  await look("nothing held");
  await shot(page, `${name}-nothing-held`);
  await close(page);
}

/// Somebody with a score decides about topics, contests it, hides it; forgets the password; and is logged out in the middle of a form.
async function owner(name, options) {
  const page = await open(options);
  await logIn(page, "scored@example.org");
  await page.goto("/me/score");
  if (options.javaScriptEnabled !== false) await equal(page);
  await page.getByRole("button", { name: /^Accept/ }).first().click();
  await page.getByText("The topic may be told to those whom you allowed.").waitFor();
  await page.getByRole("button", { name: /^Reject for good/ }).first().click();
  await page.getByText("The topic is rejected for good.").waitFor();
  await page.getByLabel("What is wrong").selectOption({ index: 0 });
  await page.getByLabel("Why", { exact: true }).fill("It counts a quarrel as praise.");
  await press(page, "Contest this");
  await page.getByText("It is marked as contested for everyone").waitFor();
  await page.getByText("You contest this.").first().waitFor();
  await shot(page, `${name}-contested`);
  assert.equal((await page.request.get(PUBLIC)).status(), 200);
  await press(page, "Hide it from everybody");
  await page.getByText("Everything by which others could see your score is taken back.").waitFor();
  assert.equal((await page.request.get(PUBLIC)).status(), 404);

  // The log-in ends while a form is filled in: what was typed waits, and nothing is done by itself.
  await page.getByLabel("Why", { exact: true }).fill("And another thing.");
  await page.context().clearCookies({ name: "__Host-sayso" });
  await press(page, "Contest this");
  await heading(page, "Your log-in has ended");
  await shot(page, `${name}-log-in-ended`);
  if (options.javaScriptEnabled !== false) await barriers(page, `${name} log-in ended`);
  await page.getByLabel("Your e-mail address").fill("scored@example.org");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(page, "Log in");
  await heading(page, "What you had chosen");
  await page.getByText("And another thing.").waitFor();
  await shot(page, `${name}-waiting`);
  if (options.javaScriptEnabled !== false) await barriers(page, `${name} waiting`);
  // Pressed twice it is done once.
  await page.getByRole("button", { name: "Do it now" }).dblclick();
  await page.getByText("It is marked as contested for everyone").waitFor();
  await page.goto("/me/history");
  const contests = await page.getByRole("listitem").filter({ hasText: "ontested" }).count();
  assert.equal(contests, 2, "each contest is recorded once");

  await page.goto("/me/consents");
  await press(page, "Log out");
  await page.goto("/log-in");
  await page.getByRole("link", { name: "Log in with a code and choose a new one" }).click();
  await page.getByLabel("Your e-mail address").fill("scored@example.org");
  await press(page, "Mail me a code");
  await page.getByLabel("Code from the mail").fill(await code("scored@example.org"));
  await page.getByLabel("New password, if you want one").fill("quite another sentence");
  await press(page, "Go on");
  await heading(page, "My consents");
  await press(page, "Log out");
  await page.goto("/log-in");
  await page.getByLabel("Your e-mail address").fill("scored@example.org");
  await page.getByLabel("Password", { exact: true }).fill("quite another sentence");
  await press(page, "Log in");
  await heading(page, "My consents");
  await close(page);
}

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
  await page.goto("/me/score");
  await page.getByText("There is too little data for a number").waitFor();
  await tabTo(page, "button", "Hide it from everybody");
  await page.goto("/me/consents/attention_score");
  await tabTo(page, "button", REFUSE);
  await enter(page);
  await page.getByText("Your no is recorded").waitFor();
  await page.goto("/me/data");
  await tabTo(page, "button", "Download everything");
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  assert.equal(download.suggestedFilename(), "sayso.zip");
  await page.goto("/me/data");
  await tabTo(page, "a", "Delete everything");
  await enter(page);
  await tabTo(page, "button", "Delete everything now");
  await enter(page);
  await heading(page, "Your deletion has begun");
  await page.goto("/opt-out");
  await tabTo(page, "input", "E-mail address or account");
  await page.keyboard.type("keys@example.org");
  await tabTo(page, "button", "Opt out for myself");
  await enter(page);
  await heading(page, "The opt-out is recorded");
  await page.goto("/staff");
  await tabTo(page, "input", "Name");
  await page.keyboard.type("an-auditor");
  await tabTo(page, "input", "Secret");
  await page.keyboard.type(AUDITOR);
  await enter(page);
  await heading(page, "The log");
  await tabTo(page, "a", "Checkpoint");
  await enter(page);
  await tabTo(page, "textarea", "Older checkpoint");
  await page.keyboard.insertText(await page.locator("pre").first().textContent());
  await tabTo(page, "button", "Verify");
  await enter(page);
  await page.getByText("begins with exactly the").waitFor();
  await close(page);
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

async function everyPageMirrored() {
  const page = await open({ viewport: PHONE });
  await logIn(page, "scored@example.org");
  const look = async (paths) => {
    for (const path of paths) {
      await page.goto(path);
      await mirrored(page, path);
      await shot(page, `phone-mirrored${file(path)}`);
    }
  };
  await look([...OPEN, ...OWN]);
  await staffIn(page, "an-auditor", AUDITOR);
  await look(AUDIT);
  await page.goto("/audit/look");
  await page.getByLabel("E-mail address or account").fill("scored@example.org");
  await page.getByLabel("Why").fill("a complaint");
  await press(page, "Look at one person");
  await mirrored(page, "a look");
  await shot(page, "phone-mirrored-audit-looked");
  await staffIn(page, "operator", OPERATOR);
  await look(OPERATE);
  await page.goto("/opt-out");
  await press(page, "Opt out for myself");
  await mirrored(page, "a wrong form");
  await shot(page, "phone-mirrored-wrong-form");
  await close(page);
}

async function staffIn(page, client, secret, [name, hidden, enter] = ["Name", "Secret", "Log in"]) {
  await page.goto("/staff");
  await page.getByLabel(name).fill(client);
  await page.getByLabel(hidden).fill(secret);
  await press(page, enter);
}

/// The pages of auditors and operators in German, whose words are longer.
async function staffInGerman() {
  for (const [name, viewport] of [["phone", PHONE], ["desk", DESK]]) {
    const page = await open({ viewport, locale: "de-DE" });
    const words = ["Name", "Geheimnis", "Anmelden"];
    await staffIn(page, "an-auditor", AUDITOR, words);
    await heading(page, "Das Protokoll");
    await visit(page, AUDIT, `${name}-german`);
    await page.getByLabel("E-Mail-Adresse oder Konto").fill("scored@example.org");
    await page.getByLabel("Warum").fill("eine Beschwerde");
    await press(page, "Eine Person ansehen");
    await page.getByText("Dass Sie nachgesehen haben, ist festgehalten.").waitFor();
    await barriers(page, "a look in German");
    await shot(page, `${name}-german-audit-looked`);
    await staffIn(page, "operator", OPERATOR, words);
    await heading(page, "Überblick");
    await visit(page, OPERATE, `${name}-german`);
    await close(page);
  }
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
    await visit(page, AUDIT, name);
    await staffIn(page, "operator", OPERATOR);
    await heading(page, "Overview");
    await visit(page, OPERATE, name);
    await page.goto("/operate/rules/house.cedar");
    await press(page, "Show what would change");
    await heading(page, "What would change");
    await close(page);
  }
}

/// An operator registers a caller, publishes a notice, changes a rule and answers who contests something.
async function work() {
  const page = await open({ viewport: DESK });
  await logIn(page, "scored@example.org");
  await page.goto("/me/score");
  await page.getByLabel("Why", { exact: true }).fill("The week of the fair is missing.");
  await press(page, "Contest this");
  await page.getByText("It is marked as contested for everyone").waitFor();
  await staffIn(page, "operator", OPERATOR);
  await page.goto("/operate/callers");
  await page.getByLabel("Name", { exact: true }).fill("a-shop");
  await page.getByLabel("Recipient", { exact: true }).check();
  await page.getByLabel("a company", { exact: true }).check();
  await page.getByLabel("Show my attention score to a recipient I choose").check();
  await page.getByLabel("ActivityPub servers (Mastodon, Pixelfed, PeerTube)").check();
  await press(page, "Register a caller");
  await heading(page, "The caller is registered");
  await barriers(page, "a new caller");
  await shot(page, "desk-caller-registered");
  await page.goto("/operate/callers");
  await page.getByText("a-shop").first().waitFor();
  await page.goto("/operate/contests");
  await page.getByText("The week of the fair is missing.").waitFor();
  await barriers(page, "contests");
  await shot(page, "desk-contest-to-answer");
  await page.getByLabel("Your answer; the person will read it").fill("It was counted; see the second bar.");
  await press(page, "It stays as it is");
  await page.getByText("The answer is recorded").waitFor();
  await page.goto("/operate/notices/public_profile");
  const text = await page.getByLabel("Text").first().inputValue();
  await page.getByLabel("Text").first().fill(`${text}\n\nA word more.`);
  await press(page, "Publish: nothing material changed");
  await page.getByText("The notice is published.").waitFor();
  await page.goto("/operate/rules/house.cedar");
  const rules = await page.locator("textarea").inputValue();
  const added = '\n@id("nothing-explained-to-companies")\nforbid (principal == RecipientClass::"company", action == Action::"explain", resource);\n';
  await page.locator("textarea").fill(`${rules}${added}`);
  await press(page, "Show what would change");
  await heading(page, "What would change");
  await page.getByText("company").first().waitFor();
  await barriers(page, "what would change");
  await shot(page, "desk-rules-change");
  await press(page, "Adopt these rules");
  await page.getByText("The rules are in force.").waitFor();
  await page.goto("/me/history");
  await page.getByText("It was counted; see the second bar.").waitFor();
  await close(page);
}

/// Another site shows our pages in a frame, and sends our forms.
async function elsewhere() {
  const page = await open({ viewport: DESK });
  await logIn(page, "scored@example.org");
  const { BASE } = process.env;
  const body = `<iframe src="${BASE}/me/consents"></iframe><form method="post" action="${BASE}/me/pause"><input name="decision" value="hold"><button>Win</button></form>`;
  await page.context().route("http://evil.example/**", (route) => route.fulfill({ contentType: "text/html", body }));
  await page.goto("http://evil.example/");
  await page.waitForTimeout(1_000);
  const framed = await page.frames()[1].content().catch(() => "");
  assert.ok(!framed.includes("My consents"), framed);
  await page.getByRole("button", { name: "Win" }).click();
  await page.getByText("was not sent from a page of this service").waitFor();
  await page.goto("/me/consents");
  await heading(page, "My consents");
  assert.equal(await page.getByText("Everything about you is paused").count(), 0);
  await page.context().close();
}

const file = (path) => path.replace(PUBLIC, "/public").replaceAll(/[/?=]/g, "-");

async function visit(page, paths, name) {
  for (const path of paths) {
    await page.goto(path);
    await barriers(page, `${name} ${path}`);
    if (path === "/me/consents/attention_score") await equal(page);
    if (path === "/me/score") await alike(page);
    await shot(page, `${name}${file(path)}`);
  }
}

const stories = {
  "jobs-without-script": () => jobs("phone", { viewport: PHONE, javaScriptEnabled: false }),
  "jobs-with-script": () => jobs("desk", { viewport: DESK }),
  "jobs-on-a-phone-with-script": () => jobs("phone-script", { viewport: PHONE }),
  "jobs-on-a-desk-without-script": () => jobs("desk-plain", { viewport: DESK, javaScriptEnabled: false }),
  owner: () => owner("desk", { viewport: DESK }),
  "owner-without-script": () => owner("phone", { viewport: PHONE, javaScriptEnabled: false }),
  work,
  elsewhere,
  keyboard,
  "every-page": everyPage,
  mirrored: everyPageMirrored,
  staff,
  "staff-in-german": staffInGerman,
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
