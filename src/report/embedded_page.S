/* The page, without its data, inside the binary. Read through report/page.h. */
    .section .rodata
    .globl assay_embedded_page
    .globl assay_embedded_page_end
assay_embedded_page:
    .incbin ASSAY_EMBEDDED_PAGE
assay_embedded_page_end:
    .section .note.GNU-stack,"",@progbits
