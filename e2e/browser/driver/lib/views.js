// Looks at a view as people see it: narrow and wide, in the light and in the dark,
// and as a screen reader does.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { until } from "./page.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = process.env.TIELINE_SHOTS;

const sizes = { phone: { width: 320, height: 640 }, desktop: { width: 1100, height: 800 } };

export async function look(page, name) {
  for (const scheme of ["dark", "light"]) {
    await page.emulateMediaFeatures([
      { name: "prefers-color-scheme", value: scheme },
      { name: "prefers-reduced-motion", value: "reduce" }, // colours are there at once
    ]);
    for (const [size, viewport] of Object.entries(sizes)) {
      const where = `${name}-${size}-${scheme}`;
      await page.setViewport(viewport);
      await photograph(page, where, viewport);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${where} is wider than the window`);
      assert.deepEqual(await violations(page), [], where);
    }
  }
  console.log(`view ${name}`);
}

// photograph waits for the page to be laid out at this size. Right after Chromium has
// changed the process of a page it can still say that the page is of no size: it is
// asked again then.
async function photograph(page, where, viewport) {
  for (let tries = 1; ; tries++) {
    await until(page, `${where} at its size`, (width) => {
      return document.readyState === "complete" && innerWidth === width && document.documentElement.getBoundingClientRect().width > 0;
    }, viewport.width);
    try {
      await page.screenshot({ path: join(folder, `${where}.png`), fullPage: true });
      return;
    } catch (error) {
      if (tries === 20 || !/with 0 (width|height)/.test(error.message)) throw error;
    }
  }
}

// violations are what axe-core finds wrong.
async function violations(page) {
  await page.evaluate(`globalThis.axe || (() => { ${axe} })(); 0`);
  return page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return found.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html}: ${n.failureSummary}`));
  });
}
