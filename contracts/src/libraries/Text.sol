// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Text
/// @notice Labels of errors travel as words, which cost nothing while all is well, and become text when it is not.
library Text {
    function decode(bytes32 label) internal pure returns (string memory) {
        uint256 length;
        while (length < 32 && label[length] != 0) ++length;
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = label[i];
        }
        return string(text);
    }
}
