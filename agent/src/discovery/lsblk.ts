// `lsblk -J` → the machine's disks, and which of them a folder lies on. Pure.
import type { DiskFacts, DiskKind, Known } from '@decloud/protocol/wire/facts'
import { z } from 'zod'
import { jsonOf } from './json.ts'
import { mapKnown, unknown, value } from './known.ts'

export const LSBLK_ARGS = ['-J', '-b', '-o', 'NAME,TYPE,SIZE,ROTA,TRAN,MODEL,MAJ:MIN'] as const

// Before version 2.33 numbers and truths were written as text.
const size = z
  .union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
  .nullable()
  .catch(null)
const truth = z
  .union([z.boolean(), z.enum(['0', '1']).transform((text) => text === '1')])
  .nullable()
  .catch(null)
const word = z.string().nullable().catch(null)

type Device = {
  name: string
  type: string
  size: number | null
  rota: boolean | null
  tran: string | null
  model: string | null
  'maj:min': string | null
  children?: Device[] | undefined
}
const device: z.ZodType<Device> = z.lazy(() =>
  z.object({
    name: z.string(),
    type: z.string(),
    size,
    rota: truth,
    tran: word,
    model: word,
    'maj:min': word,
    children: z.array(device).optional(),
  }),
)
const answer = z.object({ blockdevices: z.array(device) })

/** Memory, loops and the like: they hold nothing that would outlive the machine being switched off. */
const NO_DISK = /^(zram|ram|loop|fd|nbd|sr)\d/

/**
 * @param at the device number (`254:1`) of the file system that the guests' disks lie on.
 */
export const disksOf = (printed: Known<string>, at: Known<string>): Known<DiskFacts[]> =>
  mapKnown(printed, (text) => {
    const parsed = answer.safeParse(jsonOf(text))
    if (!parsed.success) return unknown('lsblk printed something that is not its JSON.')
    const disks = parsed.data.blockdevices.filter(
      ({ type, name, size }) => type === 'disk' && !NO_DISK.test(name) && size !== 0,
    )
    // Behind btrfs, ZFS or a network file system no disk bears the number: then it is known of none of them.
    const found = mapKnown(at, (number) =>
      disks.some((disk) => carries(disk, number))
        ? value(number)
        : unknown('The file system of the data folder names none of these disks as its own.'),
    )
    return value(
      disks.slice(0, 64).map((disk) => ({
        name: disk.name.slice(0, 200),
        model: nameOf(disk.model),
        sizeBytes: disk.size === null ? unknown('lsblk does not say how large it is.') : value(disk.size),
        kind: kindOf(disk),
        holdsData: mapKnown(found, (number) => value(carries(disk, number))),
      })),
    )
  })

const carries = (disk: Device, number: string): boolean =>
  disk['maj:min']?.trim() === number || (disk.children ?? []).some((child) => carries(child, number))

const nameOf = (model: string | null): Known<string> =>
  model?.trim() ? value(model.trim().slice(0, 200)) : unknown('The disk does not name its model.')

/** A virtual disk tells the guest what it likes about turning; what lies below it is the host's to know. */
const kindOf = ({ name, tran, rota, model }: Device): Known<DiskKind> => {
  if (/^(vd|xvd|pmem)/.test(name) || tran === 'virtio') return value('virtual')
  if (/\b(QEMU|VBOX|VMware|Virtual|Msft|PersistentDisk|Amazon Elastic Block Store)\b/i.test(model ?? ''))
    return value('virtual')
  if (name.startsWith('nvme') || tran === 'nvme') return value('nvme')
  if (rota === null) return unknown('The kernel does not say whether it turns.')
  return value(rota ? 'hdd' : 'ssd')
}
