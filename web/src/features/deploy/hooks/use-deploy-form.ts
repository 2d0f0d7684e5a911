import { DecloudError } from '@decloud/protocol/errors'
import { useState } from 'react'
import { LIMITS, type Limited, outOfRange, PRESETS } from '../sizes.ts'
import { parseSshKey, type SshKey } from '../ssh-key.ts'

const KEY = 'decloud.ssh-key'

const readKey = (text: string): { key: SshKey | undefined; problem: string | undefined } => {
  try {
    return { key: parseSshKey(text), problem: undefined }
  } catch (error) {
    if (error instanceof DecloudError) return { key: undefined, problem: error.sentence }
    throw error
  }
}

/** What the tenant chose. The public key is remembered in this browser. */
export const useDeployForm = (firstFit: string) => {
  const [preset, setPreset] = useState(firstFit)
  const [custom, setCustom] = useState({ vcpus: 2, memoryMiB: 2_048, diskGiB: 20 })
  const [tier, setTier] = useState(1)
  const [bandwidth, setBandwidth] = useState(1)
  const [hours, setHours] = useState(24)
  const [sshText, setSshText] = useState(() => localStorage.getItem(KEY) ?? '')
  const ssh = readKey(sshText)
  const chosen = PRESETS.find((candidate) => candidate.id === preset)?.size
  const size = { ...(chosen ?? { ...custom, gpus: 0 }), tier, bandwidth }
  const invalid =
    (Object.keys(LIMITS) as Limited[]).find((field) =>
      outOfRange(field, field === 'hours' ? hours : size[field]),
    ) !== undefined
  return {
    preset,
    setPreset,
    custom,
    setCustom,
    tier,
    setTier,
    bandwidth,
    setBandwidth,
    hours,
    setHours,
    sshText,
    setSshText: (text: string) => {
      setSshText(text)
      if (readKey(text).key !== undefined) localStorage.setItem(KEY, text.trim())
    },
    ssh,
    size,
    invalid,
  }
}

export type DeployForm = ReturnType<typeof useDeployForm>
