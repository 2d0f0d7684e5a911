import { HypervisorError } from '../../ports/hypervisor.ts'

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 forbids
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

/** For text and for attribute values alike. Throws HypervisorError `invalid` on what XML 1.0 cannot carry at all. */
export function escapeXml(text: string): string {
  if (forbidden.test(text)) {
    throw new HypervisorError(
      'invalid',
      `${JSON.stringify(text)} contains a control character, which XML cannot carry`,
    )
  }
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** Attributes of one element as libvirt prints it, e.g. `<host mac='…' ip='…'/>`. */
export function attributesOf(element: string): Readonly<Record<string, string>> {
  const pairs = [...element.matchAll(/([\w:-]+)=(?:'([^']*)'|"([^"]*)")/g)]
  return Object.fromEntries(
    pairs.map(([, name, single, double]) => [
      name,
      (single ?? double ?? '').replace(/&(\w+);/g, (whole, entity: string) => characters[entity] ?? whole),
    ]),
  )
}

/** Types are gone at run time: whatever else stands in a number's place must not become part of the text. */
export function wholeNumber(what: string, value: number): string {
  if (Number.isSafeInteger(value) && value >= 0) return String(value)
  throw new HypervisorError('invalid', `${what} is ${JSON.stringify(value)}, not a whole number`)
}
