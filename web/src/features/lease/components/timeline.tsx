import type { TimelinePhase } from '../phases.ts'

const SPOKEN = { done: 'done', now: 'in progress', todo: 'to come', failed: 'stopped' } as const

/** The current phase is read out when it changes; the list itself stays quiet. */
export const Timeline = ({ phases }: { phases: readonly TimelinePhase[] }) => {
  const current = phases.find((phase) => phase.state === 'now' || phase.state === 'failed')
  const last = phases.findLast((phase) => phase.state === 'done')
  return (
    <>
      <p className="sr" aria-live="polite">
        {(current ?? last)?.title}
      </p>
      <ol className="timeline">
        {phases.map((phase) => (
          <li
            key={phase.id}
            data-phase={phase.id}
            data-state={phase.state}
            {...(phase.state === 'now' ? { 'aria-current': 'step' as const } : {})}
          >
            <span className="timeline-mark" aria-hidden="true" />
            <div>
              <strong>{phase.title}</strong>
              <span className="sr">, {SPOKEN[phase.state]}</span>
              {phase.detail !== '' && <p className="small muted num">{phase.detail}</p>}
            </div>
          </li>
        ))}
      </ol>
    </>
  )
}
