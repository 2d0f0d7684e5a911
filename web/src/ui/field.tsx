import { type ReactNode, useId } from 'react'

/** A labelled control with its help and its problem tied to it for assistive technology. */
export const Field = (props: {
  label: string
  help?: ReactNode
  problem?: string | undefined
  children: (control: { id: string; 'aria-invalid': boolean; 'aria-describedby': string }) => ReactNode
}) => {
  const id = useId()
  const describedBy = `${id}-note`
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      {props.children({ id, 'aria-invalid': props.problem !== undefined, 'aria-describedby': describedBy })}
      <div id={describedBy} className={props.problem === undefined ? 'help' : 'problem'}>
        {props.problem ?? props.help}
      </div>
    </div>
  )
}

/** A group of radio buttons that look like cards. */
export const Choices = <T extends string>(props: {
  legend: string
  name: string
  value: T
  onChange: (value: T) => void
  options: readonly { value: T; label: ReactNode; disabled?: boolean; title?: string | undefined }[]
  className?: string
}) => (
  <fieldset className={`choices ${props.className ?? ''}`}>
    <legend className="legend">{props.legend}</legend>
    {props.options.map((option) => (
      <label key={option.value} className="choice" title={option.title}>
        <input
          type="radio"
          name={props.name}
          value={option.value}
          checked={props.value === option.value}
          disabled={option.disabled ?? false}
          onChange={() => props.onChange(option.value)}
        />
        <span>{option.label}</span>
      </label>
    ))}
  </fieldset>
)
