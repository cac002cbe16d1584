"""The database: tables, migrations, writes of live sessions, reads of past ones, exports."""
