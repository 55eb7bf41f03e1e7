// Choosing, and forms.
import assert from "node:assert/strict";
import { by, click, fill, focus, heading, hears, isThere, see, textOf } from "../lib/page.js";
import { look } from "../lib/views.js";
import { apiKey, made, newLink, service } from "../lib/world.js";

export async function choose(person, name) {
  const page = await person.tab(await newLink(name));
  await see(page, "choices");
  assert.equal(page.url(), `${service}/connect`, "the token stays in the URL");
  await see(page, "end-user", name);
  assert.equal(await page.evaluate(() => document.cookie), "", "a script can read cookies");
  const cookies = await person.context.cookies();
  assert.deepEqual(cookies.map((c) => c.name).sort(), ["__Host-tieline_binding", "__Host-tieline_session"]);
  assert.ok(cookies.every((c) => c.httpOnly && c.secure && c.sameSite === "Lax"), JSON.stringify(cookies));
  await page.reload();
  await see(page, "choices");
  await look(page, "choose");

  await fill(page, "search", "GIT hub");
  await hears(page, "1 integration");
  assert.deepEqual(await page.$$eval(".choice", (all) => all.map((e) => e.textContent)), ["GitHub"]);
  await fill(page, "search", "nothing of the kind");
  await see(page, "none", "Nothing is called that");
  await hears(page, "0 integrations");
  await look(page, "choose-none");

  await fill(page, "search", "acme");
  await hears(page, "2 integrations");
  await click(page, "choice-acme-key");
  await heading(page, "Connect Acme (API key)");
  await click(page, "back");
  await see(page, "choices");
}

export async function wrongThenRightKey(person, name) {
  const page = await person.tab(await newLink(name, "acme-key"));
  await see(page, "form");
  await see(page, "owner", name);
  assert.equal(await isThere(page, "back"), false, "there is nothing else to choose");
  await look(page, "form");

  await click(page, "submit");
  await see(page, "error-credentials.apiKey", "API key is needed.");
  await focus(page, "input-credentials.apiKey");

  await fill(page, "input-credentials.apiKey", "wrong");
  await click(page, "submit");
  await see(page, "problem", "The provider does not accept these credentials");
  assert.deepEqual(await made(name), []);
  await look(page, "form-refused");

  const type = () => page.$eval(by("input-credentials.apiKey"), (e) => e.type);
  assert.equal(await type(), "password");
  await click(page, "show-credentials.apiKey");
  assert.equal(await type(), "text");

  await fill(page, "input-credentials.apiKey", await apiKey());
  await page.keyboard.press("Enter");
  await heading(page, "Acme (API key) is connected");
  assert.deepEqual(await made(name), ["acme-key"]);
  await look(page, "done");

  await page.reload();
  await heading(page, "Acme (API key) is connected");
}

export async function fieldsOfEveryKind(person, name) {
  const page = await person.tab(await newLink(name, "shop"));
  await heading(page, 'Connect <b>Shop</b> & "Co"');
  assert.match(await textOf(page, "field-config.subdomain"), /https:\/\/.*\.example\.com/, "prefix and suffix");
  assert.equal(await page.$eval(`${by("field-config.subdomain")} a`, (a) => a.href), "https://example.com/help#name");
  const cellShows = () => page.$eval(by("field-config.cell"), (e) => e.checkVisibility());
  assert.equal(await cellShows(), false, "a field of another region");
  await page.select(by("input-config.region"), "us");
  assert.equal(await cellShows(), true, "a field of this region");
  await look(page, "fields");

  await fill(page, "input-config.subdomain", "a b");
  await fill(page, "input-config.cell", "x");
  await fill(page, "input-credentials.apiKey", "key");
  await click(page, "submit");
  await see(page, "error-config.subdomain", "This is not a host name. Example: acme");
  await see(page, "error-config.cell", "This does not have the required form.");
  await see(page, "problem", "Please look at what is marked below.");
  await focus(page, "input-config.subdomain");
  await look(page, "fields-refused");

  await fill(page, "input-config.subdomain", "acme");
  await fill(page, "input-config.cell", "7");
  await click(page, "submit");
  await heading(page, '<b>Shop</b> & "Co" is connected');
  assert.deepEqual(await made(name), ["shop"]);
}
