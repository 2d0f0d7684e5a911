// Who made the machine, as its firmware says: from sysfs, and where that is closed from dmidecode. The parser is pure.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Known } from '@decloud/protocol/wire/facts'
import { mapKnown, unknown, value } from './known.ts'
import type { AskTool } from './tool.ts'

export type FirmwareFacts = {
  readonly manufacturer: Known<string>
  readonly product: Known<string>
  /** Vendor, version and date. */
  readonly firmware: Known<string>
  /** For the operator alone: it goes into no statement. */
  readonly serial: Known<string>
}

/** What vendors leave in a field that they never filled. */
const BLANK =
  /^(|-|\.+|0+|x+|none|n\/a|unknown|not (specified|available|applicable|present)|to be filled by o\.?e\.?m\.?|default string|system (manufacturer|product name|serial number|version)|o\.?e\.?m\.?|empty|0?123456789|invalid)$/i

const filled = (text: string | undefined, field: string): Known<string> => {
  const word = text?.trim()
  if (word === undefined) return unknown(`The firmware does not say "${field}".`)
  return BLANK.test(word) ? unknown(`The firmware leaves "${field}" blank.`) : value(word.slice(0, 120))
}

/** @param printed by `dmidecode -t bios -t system`. */
export const firmwareOf = (printed: Known<string>): FirmwareFacts => {
  if ('unknown' in printed) {
    return { manufacturer: printed, product: printed, firmware: printed, serial: printed }
  }
  const sections = printed.value.split(/\n\s*\n/)
  const field = (section: string, name: string): Known<string> => {
    const lines = sections.find((text) => text.includes(`\n${section}\n`))?.split('\n') ?? []
    const line = lines.find((text) => text.trim().startsWith(`${name}:`))
    return filled(line?.slice(line.indexOf(':') + 1), `${section}: ${name}`)
  }
  return {
    manufacturer: field('System Information', 'Manufacturer'),
    product: field('System Information', 'Product Name'),
    firmware: joined(
      field('BIOS Information', 'Vendor'),
      field('BIOS Information', 'Version'),
      field('BIOS Information', 'Release Date'),
    ),
    serial: field('System Information', 'Serial Number'),
  }
}

/** By its vendor; version and date where they are known. */
const joined = (vendor: Known<string>, ...rest: readonly Known<string>[]): Known<string> =>
  mapKnown(vendor, (name) =>
    value([name, ...rest.flatMap((one) => ('value' in one ? [one.value] : []))].join(' ').slice(0, 200)),
  )

/** @param root for tests: where /sys is looked for. */
export const readFirmware = async (ask: AskTool, root = '/'): Promise<FirmwareFacts> => {
  const printed = await ask('dmidecode', ['-t', 'bios', '-t', 'system'])
  const told = firmwareOf(printed)
  const read = async (name: string, otherwise: Known<string>): Promise<Known<string>> => {
    if ('value' in otherwise) return otherwise
    const text = await readFile(join(root, 'sys/class/dmi/id', name), 'utf8').catch(() => null)
    // Not there, or for root alone: the other way's reason says what is missing.
    return text === null ? otherwise : filled(text, name)
  }
  const [manufacturer, product, vendor, version, date, serial] = await Promise.all([
    read('sys_vendor', told.manufacturer),
    read('product_name', told.product),
    read('bios_vendor', unknown('The firmware does not name its vendor.')),
    read('bios_version', unknown('')),
    read('bios_date', unknown('')),
    read('product_serial', told.serial),
  ])
  const firmware = 'value' in told.firmware ? told.firmware : joined(vendor, version, date)
  return {
    manufacturer,
    product,
    firmware: 'unknown' in firmware && 'unknown' in printed ? printed : firmware,
    serial,
  }
}
