// What everybody who carries a sealed manifest knows of it, apart from the cryptography that opens one.

/** Largest sealed manifest that a node reads and a mailbox keeps; the escrow itself does not look inside. */
export const MAX_SEALED_BYTES = 16_384
