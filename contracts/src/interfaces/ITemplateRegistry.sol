// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ITemplateRegistry
/// @notice What can be deployed, by whom it was written and for what fee. A template is a slug, known to the escrow by
/// an index, with versions that never change once published; content lives in events. Holds no funds and is replaceable.
interface ITemplateRegistry {
    /// @notice The least machine a version runs on.
    /// @param vcpus 1 to 32.
    /// @param memoryMiB 256 or more.
    /// @param diskGiB 1 or more.
    struct MinimumSpec {
        uint16 vcpus;
        uint8 gpus;
        uint32 memoryMiB;
        uint32 diskGiB;
    }

    /// @notice What an author publishes.
    /// @param fee µUSDC per deploy, at most 1000 USDC.
    /// @param refundWindow Seconds after activation in which the fee is still held, at most an hour.
    /// @param contentHash `keccak256` of the bytes published, compressed as they are.
    /// @param content The template, compressed, at most 16 KiB; or empty, and then `uri` says where its bytes are.
    /// @param uri Where content too large for an event is found, at most 256 bytes; or empty.
    struct Draft {
        uint64 fee;
        uint32 refundWindow;
        MinimumSpec minimum;
        bytes32 contentHash;
        bytes content;
        string uri;
    }

    /// @notice What the escrow reads when a lease names a template: two slots.
    /// @param active Whether new leases may use it: it exists and neither it nor its template is archived.
    struct Offer {
        address author;
        bool active;
        uint64 fee;
        uint32 refundWindow;
        MinimumSpec minimum;
    }

    /// @notice A version as it is kept.
    /// @param publishedIn Number of the block whose {VersionPublished} carries the content: one block to ask logs of.
    struct Version {
        bytes32 contentHash;
        uint64 fee;
        uint32 refundWindow;
        MinimumSpec minimum;
        uint40 publishedIn;
        bool archived;
    }

    /// @notice A template as it is kept.
    /// @param versions Number of its versions, and so the latest one.
    struct Template {
        string slug;
        address author;
        address pendingAuthor;
        uint32 versions;
        bool archived;
    }

    event TemplateCreated(uint32 indexed template, address indexed author, string slug);
    event VersionPublished(
        uint32 indexed template,
        uint32 indexed version,
        bytes32 indexed contentHash,
        uint64 fee,
        uint32 refundWindow,
        MinimumSpec minimum,
        bytes content,
        string uri
    );
    event TemplateArchivedChanged(uint32 indexed template, bool archived);
    event VersionArchivedChanged(uint32 indexed template, uint32 indexed version, bool archived);
    event AuthorProposed(uint32 indexed template, address indexed author, address proposed);
    event AuthorChanged(uint32 indexed template, address indexed author);

    /// @notice Claims a slug and publishes version 1. By anyone; the caller is the author.
    function create(string calldata slug, Draft calldata draft) external returns (uint32 template);

    /// @notice Publishes the next version. By the author.
    function publish(uint32 template, Draft calldata draft) external returns (uint32 version);

    /// @notice `true` takes all versions off the market, `false` brings them back; running leases go on. By the author.
    function setArchived(uint32 template, bool archived) external;

    /// @notice The same for one version. By the author.
    function setVersionArchived(uint32 template, uint32 version, bool archived) external;

    /// @notice Proposes another author; the zero address withdraws a proposal. By the author.
    function proposeAuthor(uint32 template, address proposed) external;

    /// @notice Takes the template over, later fees included. By the proposed author.
    function acceptAuthor(uint32 template) external;

    /// @notice Zeros for what does not exist; never reverts.
    function templateOffer(uint32 template, uint32 version) external view returns (Offer memory);
    function templateCount() external view returns (uint32);
    /// @notice The template of a slug, 0 for none.
    function indexOf(string calldata slug) external view returns (uint32);
    function templateAt(uint32 template) external view returns (Template memory);
    function versionAt(uint32 template, uint32 version) external view returns (Version memory);
    /// @notice The newest version of the template with this content, 0 for none.
    function versionOf(uint32 template, bytes32 contentHash) external view returns (uint32);
}
