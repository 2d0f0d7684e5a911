// Rows ↔ views, one column a field, by statements prepared once.
import type { Database } from 'better-sqlite3'
import { bytesToHex, type Hex } from 'viem'
import { fromJson, toJson } from '../../lib/json.ts'

export type Cell = string | number | bigint | Buffer | null
export type Codec<value> = { write(value: value): Cell; read(cell: Cell): value }

/** A view's fields as columns: the column's name, and how the value is kept there. */
export type Columns<row> = {
  readonly [field in keyof row]-?: readonly [column: string, codec: Codec<row[field]>]
}

const asIs = <value extends Cell>(): Codec<value> => ({
  write: (value) => value,
  // Written by the same codec from a value of that type.
  read: (cell) => cell as value,
})

export const text = <value extends string>() => asIs<value>()
export const nullableText = <value extends string>() => asIs<value | null>()
/** A number that is a safe integer. */
export const integer = asIs<number>()
export const nullableInteger = asIs<number | null>()
/** For amounts: 256 bits do not fit SQLite's integers. */
export const amount: Codec<bigint> = { write: String, read: (cell) => BigInt(cell as string) }
/** For bigints that are safe integers: heights. */
export const height: Codec<bigint> = { write: Number, read: (cell) => BigInt(cell as number) }
export const flag: Codec<boolean> = { write: Number, read: (cell) => cell === 1 }
export const bytes: Codec<Hex> = {
  write: (value) => Buffer.from(value.slice(2), 'hex'),
  read: (cell) => bytesToHex(cell as Buffer),
}
/** As the above, where there may be nothing. */
export const nullableBytes: Codec<Hex | null> = {
  write: (value) => (value === null ? null : bytes.write(value)),
  read: (cell) => (cell === null ? null : bytes.read(cell)),
}
export const json = <value>(): Codec<value> => ({
  write: toJson,
  read: (cell) => fromJson<value>(cell as string),
})

export type Table<row> = {
  name: string
  get(...key: readonly Cell[]): row | undefined
  put(row: row): void
  drop(...key: readonly Cell[]): void
  /** The columns, for a SELECT that joins: `alias.column, …`, in the order that `read` expects. */
  select(alias: string): string
  /** @param cells of a raw row, from `at` on as `select` names them. */
  read(cells: readonly Cell[], at?: number): row
  /** How many cells `read` takes. */
  width: number
}

export type TableShape<row> = {
  name: string
  /** The fields of the primary key. */
  key: readonly (keyof row & string)[]
  columns: Columns<row>
}

type AnyCodec = Codec<unknown>

export const makeTable = <row extends object>(db: Database, shape: TableShape<row>): Table<row> => {
  const entries = Object.entries(shape.columns) as [string, readonly [string, AnyCodec]][]
  const columns = entries.map(([, [column]]) => column)
  const keys = shape.key.map((field) => shape.columns[field][0])
  const where = keys.map((column) => `${column} = ?`).join(' AND ')
  const rest = columns.filter((column) => !keys.includes(column))
  const onConflict =
    rest.length === 0 ? 'NOTHING' : `UPDATE SET ${rest.map((c) => `${c} = excluded.${c}`).join(', ')}`
  const get = db.prepare(`SELECT ${columns.join(', ')} FROM ${shape.name} WHERE ${where}`).raw()
  const put = db.prepare(
    `INSERT INTO ${shape.name} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
     ON CONFLICT (${keys.join(', ')}) DO ${onConflict}`,
  )
  const drop = db.prepare(`DELETE FROM ${shape.name} WHERE ${where}`)
  const read = (cells: readonly Cell[], at = 0): row => {
    const row: Record<string, unknown> = {}
    entries.forEach(([field, [, codec]], i) => {
      row[field] = codec.read(cells[at + i]!)
    })
    // Each field went through its own codec, of the field's type.
    return row as row
  }
  return {
    name: shape.name,
    get: (...key) => {
      const cells = get.get(...key) as Cell[] | undefined
      return cells && read(cells)
    },
    put: (row) => {
      const values = row as Readonly<Record<string, unknown>>
      put.run(...entries.map(([field, [, codec]]) => codec.write(values[field])))
    },
    drop: (...key) => {
      drop.run(...key)
    },
    select: (alias) => columns.map((column) => `${alias}.${column}`).join(', '),
    read,
    width: columns.length,
  }
}
