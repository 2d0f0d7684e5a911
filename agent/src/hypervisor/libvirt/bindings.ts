// libvirt's C API through koffi, for worker threads only: calls block, and libvirt keeps its last error per thread.
import koffi from 'koffi'
import { LibvirtFailure } from './failure.ts'

/** An address owned by libvirt. */
export type Handle = bigint & { readonly handle?: never }

const libc = koffi.load('libc.so.6')
const libvirt = koffi.load('libvirt.so.0')
const libvirtQemu = koffi.load('libvirt-qemu.so.0')

for (const name of ['virConnect', 'virDomain', 'virNetwork', 'virStream']) koffi.opaque(name)
koffi.struct('virError', {
  code: 'int',
  domain: 'int',
  message: 'char *',
  level: 'int',
  conn: 'void *',
  dom: 'void *',
  str1: 'char *',
  str2: 'char *',
  str3: 'char *',
  int1: 'int',
  int2: 'int',
  net: 'void *',
})
koffi.struct('virNetworkDHCPLease', {
  iface: 'char *',
  expirytime: 'longlong',
  type: 'int',
  mac: 'char *',
  iaid: 'char *',
  ipaddr: 'char *',
  prefix: 'uint',
  hostname: 'char *',
  clientid: 'char *',
})
const free: (pointer: Handle) => void = libc.func('void free(void *pointer)')
// A char* that the caller owns: copied into a JavaScript string, then freed.
koffi.disposable('OwnedString', 'str', free)
const domainEventProto = koffi.proto(
  'int DomainEventCallback(virConnect *c, virDomain *d, int event, int detail, void *opaque)',
)
const streamEventProto = koffi.proto('void StreamEventCallback(virStream *s, int events, void *opaque)')
const timeoutProto = koffi.proto('void TimeoutCallback(int timer, void *opaque)')

// libvirt prints every error on stderr unless it has a handler. A JavaScript handler deadlocks when another worker's
// thread calls it, so it gets a native function that does nothing with its arguments.
const setErrorFunc: (data: null, handler: unknown) => void = libvirt.func(
  'void virSetErrorFunc(void *data, void *handler)',
)
setErrorFunc(null, libc.symbol('labs'))

const lastError: () => Handle | null = libvirt.func('virError *virGetLastError()')

function failure(): LibvirtFailure {
  const error = lastError()
  if (!error)
    return new LibvirtFailure({
      number: 0,
      domain: 0,
      text: 'libvirt reported no reason',
      connectionLost: false,
    })
  const fields = koffi.decode(error, 'virError') as { code: number; domain: number; message: string | null }
  return new LibvirtFailure({
    number: fields.code,
    domain: fields.domain,
    text: fields.message ?? '',
    connectionLost: false,
  })
}

/** NULL is libvirt's failure for pointers and strings. Throws LibvirtFailure. */
export function present<T>(result: T | null): T {
  if (result === null) throw failure()
  return result
}

/** A negative number is libvirt's failure for ints. Throws LibvirtFailure. */
export function ok(result: number): number {
  if (result < 0) throw failure()
  return result
}

/** The array of handles that libvirt allocated at `out[0]`, with the array itself freed. */
export function takeHandles(out: [Handle | null], count: number): Handle[] {
  const array = out[0]
  if (array === null) return []
  const handles = Array.from({ length: count }, (_, i) => koffi.decode(array, i * 8, 'void *') as Handle)
  free(array)
  return handles
}

const freeRecords: (records: Handle) => void = libvirt.func(
  'void virDomainStatsRecordListFree(void *records)',
)

/** virDomainStatsRecord: { virDomainPtr dom; virTypedParameterPtr params; int nparams; } */
export interface StatsRecord {
  /** Valid while `use` runs. */
  readonly domain: Handle
  /** The C array of virTypedParameter, copied. */
  readonly parameters: Buffer
  readonly count: number
}
const PARAMETER_BYTES = 96

/** Frees the records, and their domains, when `use` is done with them. */
export function withRecords<T>(
  out: [Handle | null],
  count: number,
  use: (records: readonly StatsRecord[]) => T,
): T {
  const array = out[0]
  if (array === null) return use([])
  try {
    return use(
      Array.from({ length: count }, (_, i) => {
        const record = koffi.decode(array, i * 8, 'void *') as Handle
        const parameters = koffi.decode(record, 8, 'void *') as Handle | null
        const length = koffi.decode(record, 16, 'int') as number
        const bytes =
          parameters === null || length === 0
            ? new Uint8Array()
            : (koffi.decode(parameters, koffi.array('uint8', length * PARAMETER_BYTES)) as Uint8Array)
        return {
          domain: koffi.decode(record, 0, 'void *') as Handle,
          parameters: Buffer.from(bytes),
          count: length,
        }
      }),
    )
  } finally {
    freeRecords(array)
  }
}

const freeDhcpLease: (lease: Handle) => void = libvirt.func('void virNetworkDHCPLeaseFree(void *lease)')

/** The addresses that libvirt's DHCP has leased, of the array that it allocated at `out[0]`, which is freed. */
export function takeDhcpLeases(out: [Handle | null], count: number): { mac: string; ip: string }[] {
  const leases = takeHandles(out, count)
  try {
    return leases.flatMap((lease) => {
      const { mac, ipaddr } = koffi.decode(lease, 'virNetworkDHCPLease') as {
        mac: string | null
        ipaddr: string | null
      }
      return mac === null || ipaddr === null ? [] : [{ mac: mac.toLowerCase(), ip: ipaddr }]
    })
  } finally {
    for (const lease of leases) freeDhcpLease(lease)
  }
}

export const virConnect = {
  open: libvirt.func('virConnect *virConnectOpen(const char *uri)') as (uri: string) => Handle | null,
  close: libvirt.func('int virConnectClose(virConnect *c)') as (c: Handle) => number,
  isAlive: libvirt.func('int virConnectIsAlive(virConnect *c)') as (c: Handle) => number,
  /** The cheapest round trip: shows a connection that broke unnoticed. */
  getLibVersion: libvirt.func('int virConnectGetLibVersion(virConnect *c, _Out_ ulong *v)') as (
    c: Handle,
    v: [number | null],
  ) => number,
  setKeepAlive: libvirt.func('int virConnectSetKeepAlive(virConnect *c, int interval, uint count)') as (
    c: Handle,
    intervalSeconds: number,
    count: number,
  ) => number,
  listAllDomains: libvirt.func('int virConnectListAllDomains(virConnect *c, _Out_ void **d, uint flags)') as (
    c: Handle,
    out: [Handle | null],
    flags: number,
  ) => number,
  /** `records` is an array that `withRecords` reads and frees; each holds a reference to its domain. */
  getAllDomainStats: libvirt.func(
    'int virConnectGetAllDomainStats(virConnect *c, uint stats, _Out_ void **records, uint flags)',
  ) as (c: Handle, stats: number, out: [Handle | null], flags: number) => number,
  domainEventRegisterAny: libvirt.func(
    'int virConnectDomainEventRegisterAny(virConnect *c, virDomain *d, int id, DomainEventCallback *cb, void *o, void *f)',
  ) as (c: Handle, d: null, id: number, callback: Handle, opaque: null, freeOpaque: null) => number,
  domainEventDeregisterAny: libvirt.func('int virConnectDomainEventDeregisterAny(virConnect *c, int id)') as (
    c: Handle,
    id: number,
  ) => number,
}

export const virDomain = {
  lookupByName: libvirt.func('virDomain *virDomainLookupByName(virConnect *c, const char *name)') as (
    c: Handle,
    name: string,
  ) => Handle | null,
  defineXml: libvirt.func(
    'virDomain *virDomainDefineXMLFlags(virConnect *c, const char *xml, uint flags)',
  ) as (c: Handle, xml: string, flags: number) => Handle | null,
  create: libvirt.func('int virDomainCreate(virDomain *d)') as (d: Handle) => number,
  shutdown: libvirt.func('int virDomainShutdown(virDomain *d)') as (d: Handle) => number,
  resume: libvirt.func('int virDomainResume(virDomain *d)') as (d: Handle) => number,
  destroy: libvirt.func('int virDomainDestroy(virDomain *d)') as (d: Handle) => number,
  undefine: libvirt.func('int virDomainUndefineFlags(virDomain *d, uint flags)') as (
    d: Handle,
    flags: number,
  ) => number,
  free: libvirt.func('int virDomainFree(virDomain *d)') as (d: Handle) => number,
  getName: libvirt.func('const char *virDomainGetName(virDomain *d)') as (d: Handle) => string | null,
  getState: libvirt.func(
    'int virDomainGetState(virDomain *d, _Out_ int *state, _Out_ int *reason, uint flags)',
  ) as (d: Handle, state: [number | null], reason: [number | null], flags: number) => number,
  getMetadata: libvirt.func(
    'OwnedString virDomainGetMetadata(virDomain *d, int type, const char *uri, uint flags)',
  ) as (d: Handle, type: number, uri: string, flags: number) => string | null,
  getXml: libvirt.func('OwnedString virDomainGetXMLDesc(virDomain *d, uint flags)') as (
    d: Handle,
    flags: number,
  ) => string | null,
  getVcpus: libvirt.func('int virDomainGetVcpusFlags(virDomain *d, uint flags)') as (
    d: Handle,
    flags: number,
  ) => number,
  /** KiB; 0 is the failure. */
  getMaxMemory: libvirt.func('ulong virDomainGetMaxMemory(virDomain *d)') as (d: Handle) => number | bigint,
  setSchedulerParameters: libvirt.func(
    'int virDomainSetSchedulerParametersFlags(virDomain *d, void *params, int count, uint flags)',
  ) as (d: Handle, parameters: Buffer, count: number, flags: number) => number,
  /** Fills `parameters`, of which there are `count[0]`, and says in `count[0]` how many it has filled. */
  getSchedulerParameters: libvirt.func(
    'int virDomainGetSchedulerParametersFlags(virDomain *d, void *params, _Inout_ int *count, uint flags)',
  ) as (d: Handle, parameters: Buffer, count: [number], flags: number) => number,
  openConsole: libvirt.func(
    'int virDomainOpenConsole(virDomain *d, const char *device, virStream *s, uint flags)',
  ) as (d: Handle, device: null, s: Handle, flags: number) => number,
  agentCommand: libvirtQemu.func(
    'OwnedString virDomainQemuAgentCommand(virDomain *d, const char *command, int seconds, uint flags)',
  ) as (d: Handle, command: string, seconds: number, flags: number) => string | null,
}

export const virNetwork = {
  lookupByName: libvirt.func('virNetwork *virNetworkLookupByName(virConnect *c, const char *name)') as (
    c: Handle,
    name: string,
  ) => Handle | null,
  createXml: libvirt.func('virNetwork *virNetworkCreateXML(virConnect *c, const char *xml)') as (
    c: Handle,
    xml: string,
  ) => Handle | null,
  isActive: libvirt.func('int virNetworkIsActive(virNetwork *n)') as (n: Handle) => number,
  create: libvirt.func('int virNetworkCreate(virNetwork *n)') as (n: Handle) => number,
  destroy: libvirt.func('int virNetworkDestroy(virNetwork *n)') as (n: Handle) => number,
  free: libvirt.func('int virNetworkFree(virNetwork *n)') as (n: Handle) => number,
  getXml: libvirt.func('OwnedString virNetworkGetXMLDesc(virNetwork *n, uint flags)') as (
    n: Handle,
    flags: number,
  ) => string | null,
  /** `leases` is an array that `takeDhcpLeases` reads and frees; null for those of every MAC. */
  getDhcpLeases: libvirt.func(
    'int virNetworkGetDHCPLeases(virNetwork *n, const char *mac, _Out_ void **leases, uint flags)',
  ) as (n: Handle, mac: null, leases: [Handle | null], flags: number) => number,
  update: libvirt.func(
    'int virNetworkUpdate(virNetwork *n, uint command, uint section, int parent, const char *xml, uint flags)',
  ) as (n: Handle, command: number, section: number, parent: number, xml: string, flags: number) => number,
}

/** Non-blocking ones live on the event loop's thread. Negative: -2 for "not now", else a failure. */
export const virStream = {
  open: libvirt.func('virStream *virStreamNew(virConnect *c, uint flags)') as (
    c: Handle,
    flags: number,
  ) => Handle | null,
  send: libvirt.func('int virStreamSend(virStream *s, const void *data, size_t length)') as (
    s: Handle,
    data: Uint8Array,
    length: number,
  ) => number,
  receive: libvirt.func('int virStreamRecv(virStream *s, void *data, size_t length)') as (
    s: Handle,
    data: Uint8Array,
    length: number,
  ) => number,
  watch: libvirt.func(
    'int virStreamEventAddCallback(virStream *s, int events, StreamEventCallback *cb, void *o, void *f)',
  ) as (s: Handle, events: number, callback: Handle, opaque: null, freeOpaque: null) => number,
  rewatch: libvirt.func('int virStreamEventUpdateCallback(virStream *s, int events)') as (
    s: Handle,
    events: number,
  ) => number,
  unwatch: libvirt.func('int virStreamEventRemoveCallback(virStream *s)') as (s: Handle) => number,
  abort: libvirt.func('int virStreamAbort(virStream *s)') as (s: Handle) => number,
  free: libvirt.func('int virStreamFree(virStream *s)') as (s: Handle) => number,
}

type DomainEventListener = (c: Handle, d: Handle, event: number, detail: number) => number

export const virEvent = {
  registerDefaultImpl: libvirt.func('int virEventRegisterDefaultImpl()') as () => number,
  runDefaultImpl: libvirt.func('int virEventRunDefaultImpl()') as () => number,
  addTimeout: libvirt.func('int virEventAddTimeout(int ms, TimeoutCallback *cb, void *o, void *f)') as (
    ms: number,
    callback: Handle,
    opaque: null,
    freeOpaque: null,
  ) => number,
  updateTimeout: libvirt.func('void virEventUpdateTimeout(int timer, int ms)') as (
    timer: number,
    ms: number,
  ) => void,
  removeTimeout: libvirt.func('int virEventRemoveTimeout(int timer)') as (timer: number) => number,
  domainCallback: (listener: DomainEventListener): Handle =>
    koffi.register(listener, koffi.pointer(domainEventProto)) as Handle,
  streamCallback: (listener: (s: Handle, events: number) => void): Handle =>
    koffi.register(listener, koffi.pointer(streamEventProto)) as Handle,
  timeoutCallback: (listener: () => void): Handle =>
    koffi.register(listener, koffi.pointer(timeoutProto)) as Handle,
  releaseCallback: (callback: Handle): void => koffi.unregister(callback),
}
