// Writes src/wire.ts from the JSON schema of the platform's wire codec.
//   node scripts/types.mjs          write it
//   node scripts/types.mjs --check  exit with 1 if it is out of date
// PYTHON names the interpreter; by default the repository's own environment is used.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);
const target = new URL("../src/wire.ts", import.meta.url);
const REF = "#/$defs/";

function readSchema() {
  const own = fileURLToPath(new URL(".venv/bin/python", root));
  const python = process.env.PYTHON ?? (existsSync(own) ? own : "python3");
  const text = execFileSync(python, ["-m", "livetranslate.domain.schema"], {
    cwd: fileURLToPath(root),
    env: { ...process.env, PYTHONPATH: fileURLToPath(new URL("src", root)) },
    encoding: "utf8",
  });
  return JSON.parse(text);
}

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.slice(REF.length);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  switch (schema.type) {
    case "string":
      return "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "null":
      return "null";
    case "array": {
      const item = schema.items ? typeOf(schema.items) : "unknown";
      return item.includes(" ") ? `readonly (${item})[]` : `readonly ${item}[]`;
    }
    case "object":
      return `Readonly<Record<string, ${
        typeof schema.additionalProperties === "object"
          ? typeOf(schema.additionalProperties)
          : "unknown"
      }>>`;
    case undefined:
      return "unknown";
    default:
      throw new Error(`no TypeScript for ${JSON.stringify(schema)}`);
  }
}

function comment(description) {
  if (!description) return "";
  if (!description.includes("\n")) return `/** ${description} */\n`;
  const lines = description.split("\n").map((line) => ` * ${line}`.trimEnd());
  return `/**\n${lines.join("\n")}\n */\n`;
}

function declaration(name, schema) {
  const doc = comment(schema.description);
  if (!schema.properties) return `${doc}export type ${name} = ${typeOf(schema)};\n`;
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties).map(
    ([field, inner]) => `  readonly ${field}${required.has(field) ? "" : "?"}: ${typeOf(inner)};`,
  );
  return `${doc}export interface ${name} {\n${fields.join("\n")}\n}\n`;
}

function render(schema) {
  const header =
    "// Generated from the wire codec by `npm run types`; do not edit.\n" +
    "// A field with a default may be left out by either side, so it is optional here.\n";
  const parts = Object.entries(schema.$defs).map(([name, inner]) => declaration(name, inner));
  return header + parts.join("\n");
}

const text = render(readSchema());
if (process.argv.includes("--check")) {
  if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
    console.error("src/wire.ts is out of date; run `npm run types` in web/");
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
