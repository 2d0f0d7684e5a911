import type { Resources } from '@decloud/protocol/pricing'

export type Preset = { id: string; name: string; use: string; size: Resources }

const size = (vcpus: number, memoryMiB: number, diskGiB: number): Resources => ({
  vcpus,
  memoryMiB,
  diskGiB,
  tier: 1,
  bandwidth: 1,
  gpus: 0,
})

export const PRESETS: readonly Preset[] = [
  { id: 'micro', name: 'Micro', use: 'A bot, a small service', size: size(1, 1_024, 5) },
  { id: 'small', name: 'Small', use: 'A website, a database', size: size(1, 2_048, 20) },
  { id: 'medium', name: 'Medium', use: 'An app and its data', size: size(2, 4_096, 40) },
  { id: 'large', name: 'Large', use: 'Builds, busy services', size: size(4, 8_192, 80) },
]

/** The bounds of the form: what `Terms` can carry and a guest can boot with. */
export const LIMITS = {
  vcpus: { min: 1, max: 32 },
  memoryMiB: { min: 256, max: 262_144 },
  diskGiB: { min: 1, max: 4_096 },
  hours: { min: 1, max: 8_760 },
} as const

export type Limited = keyof typeof LIMITS

/** @returns what is wrong with a figure, or undefined. */
export const outOfRange = (field: Limited, value: number): string | undefined => {
  const { min, max } = LIMITS[field]
  return Number.isInteger(value) && value >= min && value <= max
    ? undefined
    : `A whole number from ${min} to ${max}, please.`
}

export const DURATIONS: readonly { hours: number; name: string }[] = [
  { hours: 1, name: '1 hour' },
  { hours: 24, name: '1 day' },
  { hours: 168, name: '1 week' },
  { hours: 720, name: '30 days' },
]
