import { NodeList } from '../features/nodes/index.ts'

export const HomePage = () => (
  <div className="home">
    <header className="hero">
      <h1>A whole machine, leased with one signature</h1>
      <p className="muted">
        Real virtual machines from independent operators. Pay in USDC by the second, log in over SSH, close
        when you like and get the rest back at once. The contracts keep the books, nobody else does.
      </p>
    </header>
    <NodeList />
  </div>
)
