// libvirt's virTypedParameter, whose union koffi cannot describe: its C layout, spelled out. Pure.
// struct { char field[80]; int type; union { int i; long long l; … } value; }: 96 bytes, the value aligned to 8.

const SIZE = 96
const NAME_BYTES = 80
const TYPE_AT = 80
const VALUE_AT = 88

// virTypedParameterType
const INT = 1
const UINT = 2
const LLONG = 3
const ULLONG = 4

export interface TypedParameter {
  readonly name: string
  readonly kind: 'llong' | 'ullong'
  readonly value: bigint
}

export function writeParameters(parameters: readonly TypedParameter[]): { bytes: Buffer; count: number } {
  const bytes = Buffer.alloc(SIZE * parameters.length)
  parameters.forEach(({ name, kind, value }, i) => {
    const at = i * SIZE
    bytes.write(name, at, NAME_BYTES - 1, 'utf8')
    bytes.writeInt32LE(kind === 'llong' ? LLONG : ULLONG, at + TYPE_AT)
    if (kind === 'llong') bytes.writeBigInt64LE(value, at + VALUE_AT)
    else bytes.writeBigUInt64LE(value, at + VALUE_AT)
  })
  return { bytes, count: parameters.length }
}

/** Whole numbers by name; parameters of other types are left out. */
export function readParameters(bytes: Buffer, count: number): ReadonlyMap<string, bigint> {
  const values = new Map<string, bigint>()
  for (let i = 0; i < count && (i + 1) * SIZE <= bytes.length; i++) {
    const at = i * SIZE
    const end = bytes.indexOf(0, at)
    const name = bytes.toString('utf8', at, Math.min(end < 0 ? at + NAME_BYTES : end, at + NAME_BYTES))
    const value = valueAt(bytes, at)
    if (value !== null) values.set(name, value)
  }
  return values
}

function valueAt(bytes: Buffer, at: number): bigint | null {
  switch (bytes.readInt32LE(at + TYPE_AT)) {
    case INT:
      return BigInt(bytes.readInt32LE(at + VALUE_AT))
    case UINT:
      return BigInt(bytes.readUInt32LE(at + VALUE_AT))
    case LLONG:
      return bytes.readBigInt64LE(at + VALUE_AT)
    case ULLONG:
      return bytes.readBigUInt64LE(at + VALUE_AT)
    default:
      return null
  }
}
