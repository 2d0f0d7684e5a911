import { type Handle, present, virDomain } from './bindings.ts'

/** Looks the domain up for as long as `use` needs it. Throws LibvirtFailure. */
export function withDomain<T>(c: Handle, name: string, use: (d: Handle) => T): T {
  const d = present(virDomain.lookupByName(c, name))
  try {
    return use(d)
  } finally {
    virDomain.free(d)
  }
}
