-- Run by the image of PostgreSQL at its first start, in the database of the ledger: Label Studio gets one of its own.
CREATE DATABASE label_studio;
