// What a person sees and does on a page. Elements go by their data-testid.
import assert from "node:assert/strict";
import { closed, patience } from "./browser.js";

export const by = (id) => `[data-testid="${id}"]`;

// until waits for a function to be true in the page, or says what the page shows.
export async function until(page, what, fn, ...args) {
  try {
    await page.waitForFunction(fn, { timeout: patience, polling: 50 }, ...args);
  } catch (error) {
    const text = await page.evaluate(() => document.body.innerText).catch((e) => e.message);
    throw new Error(`${what}: ${error.message}; ${page.url()} shows: ${text}`);
  }
}

// see waits for something that can be seen, with these words in it.
export async function see(page, id, words = "") {
  await until(page, `see ${id} "${words}"`, (selector, words) => {
    const element = document.querySelector(selector);
    return element !== null && element.checkVisibility() && element.textContent.includes(words);
  }, by(id), words);
}

// heading waits for the page to be called this, by its title too.
export async function heading(page, title) {
  await until(page, `the heading "${title}"`, (title) => document.querySelector("h1")?.textContent === title && document.title === title, title);
}

// hears waits for what a screen reader is told.
export async function hears(page, words) {
  await until(page, `hear "${words}"`, (words) => document.querySelector("[role=status]")?.textContent === words, words);
}

export async function click(page, id) {
  await see(page, id);
  await page.click(by(id));
}

// clickToClose waits for the window to go instead of for the end of the click, which
// then nobody tells.
export async function clickToClose(page, id) {
  await see(page, id);
  const click = page.click(by(id)).catch((error) => {
    if (!page.isClosed()) throw error;
  });
  await Promise.all([click, closed(page, `a click at ${id} closes the window`)]);
}

// fill replaces what is typed into a field.
export async function fill(page, id, text) {
  await see(page, id);
  await page.click(by(id), { clickCount: 3 });
  await page.keyboard.press("Backspace");
  await page.type(by(id), text);
}

export const textOf = (page, id) => page.$eval(by(id), (e) => e.textContent);

export const isThere = async (page, id) => (await page.$(by(id))) !== null;

// focused names what has the focus.
export const focused = (page) =>
  page.evaluate(() => {
    const at = document.activeElement;
    return at.dataset.testid || at.id || at.tagName.toLowerCase();
  });

export async function focus(page, id) {
  assert.equal(await focused(page), id, "the focus");
}

// decide is what a person does at the provider, who hears nothing of where they come from.
export async function decide(page, decision) {
  const button = `button[value=${decision}]`;
  await until(page, "the provider's page", (selector) => document.querySelector(selector), button);
  assert.equal(await page.evaluate(() => document.referrer), "", "the referrer");
  await page.click(button);
}
