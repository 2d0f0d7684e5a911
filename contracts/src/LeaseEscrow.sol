// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { LeaseBook } from "./abstracts/LeaseBook.sol";
import { LeaseExits } from "./abstracts/LeaseExits.sol";
import { LeaseLife } from "./abstracts/LeaseLife.sol";
import { LeaseOpening } from "./abstracts/LeaseOpening.sol";
import { Ledger } from "./abstracts/Ledger.sol";
import { DowntimeQuorum } from "./DowntimeQuorum.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IPricePolicy } from "./interfaces/IPricePolicy.sol";
import { IQuoteErrors } from "./interfaces/IQuoteErrors.sol";
import { LeaseDesk } from "./LeaseDesk.sol";
import { LeaseMandates } from "./LeaseMandates.sol";

/// @title LeaseEscrow
/// @notice See the documentation in {ILeaseEscrow}, {ILeaseOpening} and {ILeaseLife}. Immutable, and nobody has a role
/// over a balance.
contract LeaseEscrow is IQuoteErrors, LeaseExits, LeaseOpening, LeaseLife {
    /// @param usdc The token all money is in.
    /// @param initialRegistry First node registry.
    /// @param initialPolicy First price policy.
    /// @param owner Of the desk and of the quorum: announces moves of the pointers, fills the roles, lists the attesters.
    /// @param platformPayee Takes out what the platform earns.
    constructor(
        IERC20 usdc,
        INodeRegistry initialRegistry,
        IPricePolicy initialPolicy,
        address owner,
        address platformPayee
    )
        Ledger(usdc, new LeaseMandates(usdc), platformPayee)
        LeaseBook(new LeaseDesk(initialRegistry, initialPolicy, owner), new DowntimeQuorum(this, owner))
    {} // solhint-disable-line no-empty-blocks
}
