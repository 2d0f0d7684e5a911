import { BANDWIDTH_TIERS, type PolicyParameters, QUALITY_TIERS } from '@decloud/protocol/pricing'
import { memory, usdc } from '../../../data/format.ts'
import { Choices, Field } from '../../../ui/field.tsx'
import { fits, type freeOf, type NodeOffer } from '../../nodes/index.ts'
import type { DeployForm } from '../hooks/use-deploy-form.ts'
import { LIMITS, outOfRange, PRESETS } from '../sizes.ts'
import { quote } from '../terms.ts'

type Props = {
  form: DeployForm
  node: NodeOffer
  free: ReturnType<typeof freeOf>
  policy: PolicyParameters
}

export const SizeStep = ({ form, node, free, policy }: Props) => {
  const presets = PRESETS.map((preset) => {
    const size = { ...preset.size, tier: form.tier, bandwidth: form.bandwidth }
    const unfit = fits(size, free, policy)
    return {
      value: preset.id,
      disabled: unfit !== undefined,
      title: unfit,
      label: (
        <span className="preset">
          <strong>{preset.name}</strong>
          <span className="small">
            {size.vcpus} vCPU, {memory(size.memoryMiB)}, {size.diskGiB} GiB disk
          </span>
          <span className="small muted">{unfit ?? preset.use}</span>
          <span className="small num preset-price">
            {usdc(quote(size, 1, node, policy).pricePerHour, 4)} USDC / hour
          </span>
        </span>
      ),
    }
  })
  const custom = {
    value: 'custom',
    label: (
      <span className="preset">
        <strong>Custom</strong>
        <span className="small muted">Every figure as you like it</span>
      </span>
    ),
  }
  return (
    <section className="card stack" aria-labelledby="size-title">
      <h2 id="size-title">Size</h2>
      <Choices
        legend="Preset"
        name="preset"
        className="presets"
        value={form.preset}
        onChange={form.setPreset}
        options={[...presets, custom]}
      />
      {form.preset === 'custom' && <CustomSize form={form} />}
      <details className="more">
        <summary>CPU quality and bandwidth</summary>
        <div className="pair">
          <Tier label="CPU quality" names={QUALITY_TIERS} value={form.tier} onChange={form.setTier} />
          <Tier
            label="Bandwidth"
            names={BANDWIDTH_TIERS}
            value={form.bandwidth}
            onChange={form.setBandwidth}
          />
        </div>
      </details>
    </section>
  )
}

const FIGURES = [
  ['vcpus', 'vCPUs', 1],
  ['memoryMiB', 'Memory, MiB', 256],
  ['diskGiB', 'Disk, GiB', 1],
] as const

const CustomSize = ({ form }: { form: DeployForm }) => (
  <div className="triple">
    {FIGURES.map(([field, label, step]) => (
      <Field key={field} label={label} problem={outOfRange(field, form.custom[field])}>
        {(control) => (
          <input
            {...control}
            className="input num"
            type="number"
            inputMode="numeric"
            min={LIMITS[field].min}
            max={LIMITS[field].max}
            step={step}
            value={Number.isNaN(form.custom[field]) ? '' : form.custom[field]}
            onChange={(event) => form.setCustom({ ...form.custom, [field]: event.target.valueAsNumber })}
          />
        )}
      </Field>
    ))}
  </div>
)

const Tier = (props: {
  label: string
  names: readonly string[]
  value: number
  onChange: (value: number) => void
}) => (
  <Field label={props.label}>
    {(control) => (
      <select
        {...control}
        className="input"
        value={props.value}
        onChange={(event) => props.onChange(Number(event.target.value))}
      >
        {props.names.map((name, i) => (
          <option key={name} value={i}>
            {name}
          </option>
        ))}
      </select>
    )}
  </Field>
)
