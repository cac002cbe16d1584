"""The load tool: many connections and live sessions against a running installation."""
