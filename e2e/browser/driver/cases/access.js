// Without a mouse, and without scripts.
import assert from "node:assert/strict";
import { by, focus, focused, heading, see } from "../lib/page.js";
import { apiKey, made, newLink } from "../lib/world.js";

export async function keyboard(person, name) {
  const page = await person.tab(await newLink(name));
  await see(page, "choices");
  const tab = async () => {
    await page.keyboard.press("Tab");
    return focused(page);
  };
  const back = async () => {
    await page.keyboard.down("Shift");
    const at = await tab();
    await page.keyboard.up("Shift");
    return at;
  };
  assert.deepEqual([await tab(), await tab(), await tab()], ["search", "choice-shop", "choice-acme"]);
  const outline = await page.$eval(by("choice-acme"), (e) => getComputedStyle(e).outlineStyle);
  assert.equal(outline, "solid", "where the focus is cannot be seen");
  assert.equal(await tab(), "choice-acme-key");
  await page.keyboard.press("Enter");

  await heading(page, "Connect Acme (API key)");
  await focus(page, "h1");
  assert.equal(await tab(), "input-credentials.apiKey");
  await page.keyboard.type(await apiKey());
  assert.deepEqual([await tab(), await tab(), await tab()], ["show-credentials.apiKey", "submit", "back"]);
  assert.equal(await back(), "submit");
  await page.keyboard.press("Space");
  await heading(page, "Acme (API key) is connected");
  await focus(page, "h1");
  assert.deepEqual(await made(name), ["acme-key"]);
}

export async function withoutScript(person, name) {
  const page = await person.tab();
  await page.setJavaScriptEnabled(false);
  await page.goto(await newLink(name));
  const text = await page.$eval("noscript", (e) => e.checkVisibility() && e.innerText);
  assert.match(text, /This page needs JavaScript/);
}
