import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const platform = "http://localhost:3000";
const live = { target: platform, ws: true };

export default defineConfig({
  plugins: [react()],
  worker: { format: "es" },
  build: { target: "es2022", sourcemap: false, assetsInlineLimit: 0 },
  server: { port: 5173, proxy: { "/api": platform, "/ws": live, "/socket.io": live } },
  test: { environment: "node", css: true, include: ["tests/**/*.test.ts"] },
});
