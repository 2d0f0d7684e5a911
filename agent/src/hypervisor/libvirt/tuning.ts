// Limits of a running guest, as libvirt keeps them in its cgroup.
import type { CpuLimits } from '../../ports/hypervisor.ts'
import { type Handle, ok, present, virDomain } from './bindings.ts'
import { readParameters, writeParameters } from './typed-parameters.ts'
import { withDomain } from './with-domain.ts'

const AFFECT_LIVE = 1
const VCPU_MAXIMUM = 4
/** REMOTE_DOMAIN_SCHEDULER_PARAMETERS_MAX: libvirtd refuses to be asked for more. It has eleven. */
const MOST_PARAMETERS = 16
const NO_QUOTA = -1n

const SHARES = 'cpu_shares'
/** `global_`: of the guest as a whole; libvirt's plain period and quota are those of each vCPU by itself. */
const PERIOD = 'global_period'
const QUOTA = 'global_quota'

function setCpu(d: Handle, { shares, periodUs, quotaUs }: CpuLimits): void {
  const parameters = writeParameters([
    ...(shares === undefined ? [] : [{ name: SHARES, kind: 'ullong', value: BigInt(shares) } as const]),
    ...(periodUs === undefined ? [] : [{ name: PERIOD, kind: 'ullong', value: BigInt(periodUs) } as const]),
    { name: QUOTA, kind: 'llong', value: quotaUs === undefined ? NO_QUOTA : BigInt(quotaUs) },
  ])
  ok(virDomain.setSchedulerParameters(d, parameters.bytes, parameters.count, AFFECT_LIVE))
}

function cpu(d: Handle): CpuLimits {
  const { bytes, count } = writeParameters(
    Array.from({ length: MOST_PARAMETERS }, () => ({ name: '', kind: 'llong', value: 0n }) as const),
  )
  const filled: [number] = [count]
  ok(virDomain.getSchedulerParameters(d, bytes, filled, AFFECT_LIVE))
  const values = readParameters(bytes, filled[0])
  const shares = values.get(SHARES)
  const periodUs = values.get(PERIOD)
  const quotaUs = values.get(QUOTA)
  return {
    ...(shares === undefined ? {} : { shares: Number(shares) }),
    ...(periodUs === undefined ? {} : { periodUs: Number(periodUs) }),
    ...(quotaUs === undefined || isUnlimited(quotaUs) ? {} : { quotaUs: Number(quotaUs) }),
  }
}

/** 2⁴⁴ − 1, VIR_DOMAIN_SCHED's largest quota: what libvirt also means by none. */
const isUnlimited = (quotaUs: bigint) => quotaUs <= 0n || quotaUs >= 17_592_186_044_415n

export const tuning = {
  setCpu: (c: Handle, name: string, limits: CpuLimits): void => withDomain(c, name, (d) => setCpu(d, limits)),
  cpu: (c: Handle, name: string): CpuLimits => withDomain(c, name, cpu),
  liveXml: (c: Handle, name: string): string => withDomain(c, name, (d) => present(virDomain.getXml(d, 0))),
  size: (c: Handle, name: string): { vcpus: number; memoryMiB: number } =>
    withDomain(c, name, (d) => ({
      vcpus: ok(virDomain.getVcpus(d, VCPU_MAXIMUM)),
      memoryMiB: Math.ceil(Number(present(virDomain.getMaxMemory(d) || null)) / 1024),
    })),
} as const
