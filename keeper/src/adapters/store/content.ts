// What a template's published bytes say, when they are text: plain, or packed in one of the usual ways.
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { Hex } from 'viem'

/** 16 KiB of an event may unpack to a great deal more; a template is not longer than this. */
const MOST_BYTES = 512 * 1_024

const startsWith = (bytes: Buffer, ...magic: number[]) => magic.every((byte, i) => bytes[i] === byte)

const unpacked = (bytes: Buffer, most: number): Buffer | null => {
  const limit = { maxOutputLength: most }
  try {
    if (startsWith(bytes, 0x1f, 0x8b)) return gunzipSync(bytes, limit)
    if (startsWith(bytes, 0x28, 0xb5, 0x2f, 0xfd)) return zstdDecompressSync(bytes, limit)
    if (startsWith(bytes, 0x78)) return inflateSync(bytes, limit)
    return brotliDecompressSync(bytes, limit)
  } catch {
    // Anybody may publish any bytes: those that do not unpack are no template of ours, and no failure either.
    return null
  }
}

const asText = (bytes: Buffer): string | null => {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    // Control characters but for tab and line ends: not something that a person wrote.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text) ? null : text
  } catch {
    return null
  }
}

/**
 * @param most bytes of the text.
 * @returns the text, or `null` for no content, bytes that are not text, and more of it.
 */
export const contentText = (content: Hex, most = MOST_BYTES): string | null => {
  const bytes = Buffer.from(content.slice(2), 'hex')
  if (bytes.length === 0) return null
  const plain = asText(bytes)
  if (plain !== null) return plain
  const inner = unpacked(bytes, most)
  return inner === null ? null : asText(inner)
}
