import { Link } from 'react-router'
import { Empty } from '../ui/states.tsx'

export const NotFound = () => (
  <Empty
    title="Nothing here"
    action={
      <Link className="button" data-kind="primary" to="/">
        See the nodes
      </Link>
    }
  >
    There is no such page.
  </Empty>
)
