// Signing in at a provider.
import assert from "node:assert/strict";
import { closed } from "../lib/browser.js";
import { click, clickToClose, decide, heading, isThere, see } from "../lib/page.js";
import { look } from "../lib/views.js";
import { made, newLink, outage, service } from "../lib/world.js";

// begin opens a link to one integration, and begins the sign-in with a click.
async function begin(person, link) {
  const page = await person.tab(link);
  const popup = await person.windowOf(page, () => click(page, "submit"));
  return [page, popup];
}

// withoutWindows is a browser that lets no window open.
async function withoutWindows(person) {
  const page = await person.tab();
  await page.evaluateOnNewDocument(() => {
    window.open = () => null;
  });
  return page;
}

export async function popup(person, name) {
  const page = await person.tab(await newLink(name));
  await click(page, "choice-acme");
  await heading(page, "Connect Acme");
  await see(page, "asks", "You will sign in at Acme in a new window");
  await see(page, "scopes", "2 permissions are asked for");
  await look(page, "sign-in");

  const popup = await person.windowOf(page, () => click(page, "submit"));
  await popup.evaluateOnNewDocument(() => {
    window.close = () => {}; // or it would be gone before it is looked at
  });
  await heading(page, "Finish at Acme");
  await look(page, "waiting");
  await decide(popup, "allow");
  await heading(page, "Acme is connected");
  assert.deepEqual(await made(name), ["acme"]);
  await heading(popup, "Connected");
  assert.equal(new URL(popup.url()).pathname, "/oauth/callback");
  await look(popup, "connected");
}

export async function declinedInPopup(person, name) {
  const [page, popup] = await begin(person, await newLink(name, "acme"));
  await decide(popup, "deny");
  await heading(popup, "Nothing was connected");
  assert.equal(await isThere(popup, "back"), false, "the page is in the window that opened this one");
  await look(popup, "declined");
  await see(page, "problem", "Access was declined at the provider");
  await look(page, "sign-in-declined");
  await clickToClose(popup, "close");

  await page.bringToFront();
  const again = await person.windowOf(page, () => click(page, "submit"));
  await decide(again, "allow");
  await heading(page, "Acme is connected");
  await closed(again, "the window closes by itself");
  assert.deepEqual(await made(name), ["acme"]);
}

export async function redirect(person, name) {
  const page = await withoutWindows(person);
  await page.goto(await newLink(name, "acme"));
  await click(page, "submit");
  await decide(page, "allow");
  await heading(page, "Acme is connected");
  assert.equal(page.url(), `${service}/connect`);
  assert.deepEqual(await made(name), ["acme"]);
}

export async function declinedAfterRedirect(person, name) {
  const page = await withoutWindows(person);
  await page.goto(await newLink(name, "acme"));
  await click(page, "submit");
  await decide(page, "deny");
  await heading(page, "Nothing was connected");
  await look(page, "declined-here");
  await click(page, "back");
  await heading(page, "Connect Acme");
  assert.deepEqual(await made(name), []);
}

export async function providerIsDown(person, name) {
  const [page, popup] = await begin(person, await newLink(name, "acme"));
  await outage();
  await decide(popup, "allow");
  await see(popup, "text", "The provider did not answer as it should");
  await look(popup, "provider-down");
  await see(page, "problem", "The provider did not answer as it should");
  assert.deepEqual(await made(name), []);
}

export async function cancelled(person, name) {
  const [page, popup] = await begin(person, await newLink(name, "acme"));
  await heading(page, "Finish at Acme");
  await click(page, "cancel");
  await closed(popup, "the window closes");
  await heading(page, "Connect Acme");
  const again = await person.windowOf(page, () => click(page, "submit"));
  await decide(again, "allow");
  await heading(page, "Acme is connected");
}
