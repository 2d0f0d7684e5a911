// What a qcow2 file says of itself, read without opening it as a disk: the file comes from outside, and QEMU would follow
// what it names. Layout: docs/interop/qcow2.txt of QEMU.
import { open } from 'node:fs/promises'
import { StorageError } from '../ports/storage.ts'

const MAGIC = 0x514649fb
/** The header and its extensions end within the first cluster, whose smallest size is 512 bytes and largest 2 MiB. */
const HEADER_BYTES = 64 * 1024
/** Of version 3 as known today: 112 bytes. Longer ones would push the extensions out of sight. */
const MAX_HEADER = 4096
const DATA_FILE_EXTENSION = 0x44415441
const INCOMPATIBLE = { dirty: 1n << 0n, corrupt: 1n << 1n, dataFile: 1n << 2n }
/** Dirty and corrupt aside: compression type (bit 3) and extended L2 entries (bit 4), which are about this file alone. */
const UNDERSTOOD = INCOMPATIBLE.dirty | INCOMPATIBLE.corrupt | INCOMPATIBLE.dataFile | (1n << 3n) | (1n << 4n)

export interface Qcow2Header {
  readonly virtualSizeBytes: number
  /** As it stands in the file; null for a disk that stands by itself. */
  readonly backingFile: string | null
  readonly encrypted: boolean
  readonly dataFile: boolean
  readonly dirty: boolean
  readonly corrupt: boolean
  readonly unknownFeatures: boolean
}

/** Pure. null for what is no qcow2 of version 2 or 3. */
function parseQcow2Header(bytes: Buffer): Qcow2Header | null {
  if (bytes.length < 72 || bytes.readUInt32BE(0) !== MAGIC) return null
  const version = bytes.readUInt32BE(4)
  if (version !== 2 && version !== 3) return null
  if (version === 3 && bytes.length < 104) return null
  const backingOffset = bytes.readBigUInt64BE(8)
  const backingLength = bytes.readUInt32BE(16)
  const features = version === 3 ? bytes.readBigUInt64BE(72) : 0n
  const headerLength = version === 3 ? bytes.readUInt32BE(100) : 72
  const virtualSize = bytes.readBigUInt64BE(24)
  if (virtualSize > BigInt(Number.MAX_SAFE_INTEGER)) return null
  const start = Number(backingOffset)
  return {
    virtualSizeBytes: Number(virtualSize),
    backingFile: backingOffset === 0n ? null : bytes.subarray(start, start + backingLength).toString('utf8'),
    encrypted: bytes.readUInt32BE(32) !== 0,
    dataFile: (features & INCOMPATIBLE.dataFile) !== 0n || namesDataFile(bytes, headerLength),
    dirty: (features & INCOMPATIBLE.dirty) !== 0n,
    corrupt: (features & INCOMPATIBLE.corrupt) !== 0n,
    unknownFeatures: (features & ~UNDERSTOOD) !== 0n || headerLength > MAX_HEADER,
  }
}

function namesDataFile(bytes: Buffer, headerLength: number): boolean {
  for (let at = headerLength; at + 8 <= bytes.length; ) {
    const type = bytes.readUInt32BE(at)
    if (type === 0) return false
    if (type === DATA_FILE_EXTENSION) return true
    at += 8 + Math.ceil(bytes.readUInt32BE(at + 4) / 8) * 8
  }
  return false
}

/** null for what is no qcow2. Rejects with what the operating system says. */
export async function readQcow2Header(path: string): Promise<Qcow2Header | null> {
  const handle = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(HEADER_BYTES)
    const { bytesRead } = await handle.read(buffer, 0, HEADER_BYTES, 0)
    return parseQcow2Header(buffer.subarray(0, bytesRead))
  } finally {
    await handle.close()
  }
}

/**
 * A base image stands by itself. One with a backing file or a data file would hand the guest whatever file of the host it
 * names. @returns its virtual size. @throws StorageError `image-unsafe`.
 */
export async function demandPlainQcow2(path: string, maxVirtualBytes: number): Promise<number> {
  const header = await readQcow2Header(path)
  if (header === null) throw unsafe(path, 'is no qcow2 disk')
  if (header.backingFile !== null)
    throw unsafe(path, `names the backing file ${JSON.stringify(header.backingFile)}`)
  if (header.dataFile) throw unsafe(path, 'keeps its data in another file')
  if (header.encrypted) throw unsafe(path, 'is encrypted')
  if (header.dirty || header.corrupt) throw unsafe(path, 'was not closed properly by whoever made it')
  if (header.unknownFeatures) throw unsafe(path, 'uses features of qcow2 that are not known here')
  if (header.virtualSizeBytes === 0 || header.virtualSizeBytes > maxVirtualBytes) {
    throw unsafe(path, `is a disk of ${header.virtualSizeBytes} bytes`)
  }
  return header.virtualSizeBytes
}

const unsafe = (path: string, what: string) =>
  new StorageError('image-unsafe', `${path} ${what}: it is not used as a base image.`)
