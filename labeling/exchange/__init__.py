"""Why: what comes in from foreign files and what goes out as training sets.

Pure: standard library and pyarrow (Parquet) only; no Django, no network, no clock.

In:  `readers.read_rows` turns a byte stream into `rows.ItemRow` and `rows.BadRow`.
Out: `files.write_dataset` turns `records.ExportItem`s into one file per split, and
     `manifest.build_manifest` says what is in them.
"""
