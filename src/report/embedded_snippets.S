/* The texts of snippets/, inside the binary. Read through report/probe_snippets.h. */
    .section .rodata
    .globl assay_snippet_python, assay_snippet_rust, assay_snippet_c, assay_snippet_javascript, assay_snippets_end
assay_snippet_python:
    .incbin "report/snippets/dump.py"
assay_snippet_rust:
    .incbin "report/snippets/dump.rs"
assay_snippet_c:
    .incbin "report/snippets/dump.c"
assay_snippet_javascript:
    .incbin "report/snippets/dump.mjs"
assay_snippets_end:
    .section .note.GNU-stack,"",@progbits
