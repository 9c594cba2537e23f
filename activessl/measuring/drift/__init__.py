"""Whether later items come from another distribution than earlier ones, and which of them are new."""
