/* The default model, inside the binary: `assay run` works with nothing else. Read through cli/default_model.h. */
    .section .rodata
    .balign 4096
    .globl assay_embedded_model
    .globl assay_embedded_model_end
assay_embedded_model:
    .incbin ASSAY_EMBEDDED_MODEL
assay_embedded_model_end:
    .section .note.GNU-stack,"",@progbits
