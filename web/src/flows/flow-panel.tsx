import { Button } from '../ui/button.tsx'
import { Notice } from '../ui/notice.tsx'
import type { FlowHandle } from './use-flow.ts'
import './flows.css'

/** The steps of a transaction under way, where it stands, and what to do when it stopped. */
export const FlowPanel = <P,>(props: { flow: FlowHandle<P>; title: string; discard: string }) => {
  const { flow } = props
  const { record } = flow
  if (record === undefined) return null
  return (
    <section className="flow card" aria-label={props.title}>
      <h2 className="flow-title">{props.title}</h2>
      <ol className="flow-steps" aria-live="polite">
        {flow.steps.map((step, i) => (
          <li key={step.id} data-state={stateOf(record.done, i, flow.busy)}>
            <span className="flow-mark" aria-hidden="true" />
            <span>{step.title}</span>
            <span className="flow-now">{hintOf(record, i, step, flow.busy)}</span>
          </li>
        ))}
      </ol>
      {record.failure !== null && <Notice tone="bad">{record.failure.sentence}</Notice>}
      {!flow.busy && (
        <div className="row">
          <Button kind="primary" onClick={flow.resume}>
            {record.failure === null ? 'Continue' : 'Try again'}
          </Button>
          <Button kind="plain" onClick={flow.dismiss}>
            {props.discard}
          </Button>
        </div>
      )}
    </section>
  )
}

const stateOf = (done: number, i: number, busy: boolean) =>
  i < done ? 'done' : i > done ? 'todo' : busy ? 'now' : 'stopped'

const hintOf = (
  record: { done: number; committed: Readonly<Record<string, string>> },
  i: number,
  step: { id: string; meanwhile?: string },
  busy: boolean,
) => {
  if (i !== record.done || !busy) return ''
  if (record.committed[step.id] !== undefined) return 'Waiting for the network'
  return step.meanwhile ?? 'Confirm in your wallet'
}
