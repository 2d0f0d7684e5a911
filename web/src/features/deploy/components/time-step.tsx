import { usdc } from '../../../data/format.ts'
import { Choices, Field } from '../../../ui/field.tsx'
import type { DeployForm } from '../hooks/use-deploy-form.ts'
import { DURATIONS, LIMITS, outOfRange } from '../sizes.ts'

/** `price` in µUSDC per hour. */
export const TimeStep = ({ form, price }: { form: DeployForm; price: bigint }) => {
  const known = DURATIONS.some(({ hours }) => hours === form.hours)
  return (
    <section className="card stack" aria-labelledby="time-title">
      <h2 id="time-title">Time paid ahead</h2>
      <Choices
        legend="How long the deposit should last"
        name="duration"
        className="durations"
        value={known ? String(form.hours) : 'custom'}
        onChange={(value) => form.setHours(value === 'custom' ? 48 : Number(value))}
        options={[
          ...DURATIONS.map(({ hours, name }) => ({
            value: String(hours),
            label: (
              <span className="preset">
                <strong>{name}</strong>
                <span className="small muted num">{usdc(price * BigInt(hours))} USDC</span>
              </span>
            ),
          })),
          {
            value: 'custom',
            label: (
              <span className="preset">
                <strong>Other</strong>
                <span className="small muted">In hours</span>
              </span>
            ),
          },
        ]}
      />
      {!known && (
        <Field label="Hours" problem={outOfRange('hours', form.hours)}>
          {(control) => (
            <input
              {...control}
              className="input num"
              type="number"
              inputMode="numeric"
              min={LIMITS.hours.min}
              max={LIMITS.hours.max}
              value={Number.isNaN(form.hours) ? '' : form.hours}
              onChange={(event) => form.setHours(event.target.valueAsNumber)}
            />
          )}
        </Field>
      )}
      <p className="small muted">
        You can top up while it runs, and whatever is unused comes back when you close.
      </p>
    </section>
  )
}
