import type { Setting } from "../../api/configuration";

const SOURCES = {
  default: "default",
  file: "file",
  environment: "environment",
  command_line: "command line",
} as const;

/** Every setting with its value, where that comes from, and when a change counts. */
export function AllSettings({ settings }: { readonly settings: readonly Setting[] }) {
  return (
    <table className="all-settings">
      <thead>
        <tr>
          <th>Setting</th>
          <th>Value</th>
          <th>From</th>
          <th>A change counts</th>
        </tr>
      </thead>
      <tbody>
        {settings.map((setting) => (
          <tr key={setting.name}>
            <td>
              <code>{setting.path ?? setting.name}</code>
              <p>{setting.help}</p>
            </td>
            <td>
              <code>{shown(setting)}</code>
              {setting.running !== null && <p>at work until a restart: {text(setting.running)}</p>}
            </td>
            <td>{SOURCES[setting.source]}</td>
            <td>{setting.applies === "live" ? "at once" : "after a restart"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function shown(setting: Setting): string {
  if (setting.secret) return setting.is_set ? "set, not shown" : "not set";
  return setting.is_set ? text(setting.value) : "not set";
}

function text(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : String(value);
}
