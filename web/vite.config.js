// Builds src/report/page.html: one file, with its script and style inside, that asks no network for anything. Its
// policy names the hashes of the script and the style, so that no other script runs, whatever the data holds.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const target = fileURLToPath(new URL("../src/report/page.html", import.meta.url));
const banner = "<!-- Generated from web/ by `make web`. Do not edit. -->";

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

function oneFile() {
  return {
    name: "one-file",
    enforce: "post",
    generateBundle(_, bundle) {
      const items = Object.values(bundle);
      const page = items.find((item) => item.fileName.endsWith(".html"));
      const styleText = items.find((item) => item.fileName.endsWith(".css")).source.trim();
      const script = items.find((item) => item.type === "chunk").code.trim().replaceAll("</script", "<\\/script");
      const policy = `default-src 'none'; img-src data:; script-src ${hash(script)}; style-src ${hash(styleText)}`;
      const text = page.source
        .replace(/<script type="module"[^>]*><\/script>\s*/, "")
        .replace(/<link rel="stylesheet"[^>]*>\s*/, "")
        .replace("<!doctype html>", () => `<!doctype html>\n${banner}`)
        .replace("<!-- policy -->", () => `<meta http-equiv="Content-Security-Policy" content="${policy}" />`)
        .replace("<!-- style -->", () => `<style>${styleText}</style>`)
        .replace("<!-- script -->", () => `<script type="module">${script}</script>`);
      writeFileSync(process.env.ASSAY_PAGE ?? target, text);
      for (const name of Object.keys(bundle)) delete bundle[name];
    },
  };
}

export default defineConfig({
  build: { target: "es2022", assetsInlineLimit: Infinity, cssCodeSplit: false, modulePreload: false, write: false },
  plugins: [oneFile()],
});
