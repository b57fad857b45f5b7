"""Calls as files for auditors: read through the SQL port only, in CSV, JSON lines or Parquet."""
