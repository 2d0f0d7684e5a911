import { POINT_BASELINE } from '@decloud/protocol/points'
import { UNITS_PER_POINT } from '@decloud/protocol/units'
import type { DiskFacts, GpuFacts, Known, NodeFacts, SignedFacts } from '@decloud/protocol/wire/facts'
import type { ReactNode } from 'react'
import { memory, moment } from '../../../data/format.ts'

/** The node's own word, and said so: nobody else has looked at the machine. */
export const NodeSays = ({ signed: { facts } }: { signed: SignedFacts }) => (
  <section className="card stack" aria-labelledby="says-title">
    <div>
      <h2 id="says-title">As the node says</h2>
      <p className="small muted">
        Signed by its agent at {moment(facts.signedAt)}, and checked here. A signature tells whose word it is,
        not whether it is true.
      </p>
    </div>
    <dl className="facts num">
      <Machine machine={facts.machine} />
      <Speed benchmark={facts.benchmark} />
      <Row label="Proof">
        <Fact of={facts.probe}>{({ message, takenAt }) => `${message} (${moment(takenAt)})`}</Fact>
      </Row>
    </dl>
  </section>
)

const Row = (props: { label: string; children: ReactNode }) => (
  <>
    <dt>{props.label}</dt>
    <dd>{props.children}</dd>
  </>
)

const Fact = <value,>(props: { of: Known<value>; children: (value: value) => ReactNode }) =>
  'value' in props.of ? (
    props.children(props.of.value)
  ) : (
    <span className="muted" title={props.of.unknown}>
      unknown
    </span>
  )

const Machine = ({ machine }: Pick<NodeFacts, 'machine'>) => {
  if ('unknown' in machine) return <Row label="Machine">unknown</Row>
  const { cpu, memoryMiB, disks, gpus, nat, kvm } = machine.value
  return (
    <>
      <Row label="Processor">
        <Fact of={cpu.model}>{(model) => model}</Fact>, <Fact of={cpu.cores}>{String}</Fact> cores,{' '}
        <Fact of={cpu.threads}>{String}</Fact> threads, <Fact of={cpu.architecture}>{(name) => name}</Fact>
      </Row>
      <Row label="Memory">
        <Fact of={memoryMiB}>{(mib) => memory(mib)}</Fact>
      </Row>
      <Row label="Disks">
        <Fact of={disks}>{(all) => (all.length === 0 ? 'none' : all.map(diskLine))}</Fact>
      </Row>
      <Row label="GPUs">
        <Fact of={gpus}>{(all) => (all.length === 0 ? 'none' : all.map(gpuLine))}</Fact>
      </Row>
      <Row label="Guests run">{kvm.usable ? 'on the processor (KVM)' : 'emulated: slowly'}</Row>
      <Row label="Reached">
        <Fact of={nat}>{(kind) => NAT[kind]}</Fact>
      </Row>
    </>
  )
}

const NAT = {
  public: 'at an address of its own',
  nat: 'through a router (NAT)',
  'carrier-grade': 'through a carrier (CGNAT)',
} as const

const diskLine = ({ name, kind, sizeBytes, model }: DiskFacts) => (
  <span key={name} className="fact-line">
    <Fact of={kind}>{(word) => word}</Fact>,{' '}
    <Fact of={sizeBytes}>{(bytes) => `${Math.round(bytes / 1e9)} GB`}</Fact>,{' '}
    <Fact of={model}>{(text) => text}</Fact>
  </span>
)

const gpuLine = ({ address, vendor, model }: GpuFacts) => (
  <span key={address} className="fact-line">
    <Fact of={vendor}>{(text) => text}</Fact> <Fact of={model}>{(text) => text}</Fact>
  </span>
)

const Speed = ({ benchmark }: Pick<NodeFacts, 'benchmark'>) => (
  <Row label="Compute">
    <Fact of={benchmark}>
      {({ pointUnits, eventsPerSecond, steady, takenAt, baseline }) => (
        <>
          <Fact of={pointUnits}>{(units) => `${(units / Number(UNITS_PER_POINT)).toFixed(1)} points`}</Fact>,{' '}
          {Math.round(eventsPerSecond)} events a second of a core
          {baseline === POINT_BASELINE.name ? ` (${POINT_BASELINE.eventsPerSecond} make a point)` : ''}
          {steady ? '' : ', measured on a busy machine'}, {moment(takenAt)}
        </>
      )}
    </Fact>
  </Row>
)
